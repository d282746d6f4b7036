/**
 * How well the containers of a pool are isolated, in ascending order:
 *
 * - `none`: a line of the doctor is `broken`.
 * - `weak`: a line is `weak`.
 * - `container`: no line is `weak` or `broken`. The programs share the kernel of the host.
 * - `kernel`: the same, and the programs run on a kernel of their own, such as gVisor's.
 */
export const ISOLATION_LEVELS = ['none', 'weak', 'container', 'kernel'] as const
/** One of {@link ISOLATION_LEVELS}. */
export type Isolation = (typeof ISOLATION_LEVELS)[number]

/** Returns whether an isolation is less than the floor. */
export function isBelow(isolation: Isolation, floor: Isolation): boolean {
  return ISOLATION_LEVELS.indexOf(isolation) < ISOLATION_LEVELS.indexOf(floor)
}
