/** The name of gVisor among the runtimes of an engine. */
export const GVISOR = 'runsc'

/**
 * Matches the version of the kernel that programs see under gVisor. Releases from 2016 on share the
 * minute of a build that no distribution has, or name themselves.
 */
const GVISOR_KERNEL = /Sun Jan 10 15:06:54 PST 2016|gvisor/i

/** Returns a pattern for the version of the runtime's own kernel; `undefined` if it is not known. */
export function kernelOf(runtime: string): RegExp | undefined {
  return isGvisor(runtime) ? GVISOR_KERNEL : undefined
}

/** gVisor may be registered under several names, as `runsc-kvm`. */
export function isGvisor(runtime: string): boolean {
  return runtime.startsWith(GVISOR)
}
