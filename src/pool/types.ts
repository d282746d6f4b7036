import type { SandboxError } from '../errors.js'
import type { LeaseEnd, Released } from './lease.js'
import type { SizeBounds } from './warm-size.js'

/** A container, as far as a pool needs it. */
export interface Pooled {
  readonly name: string
  /** Resolves when the container has exited, for any reason. */
  readonly exited: Promise<unknown>
  /**
   * Whether the container answered the last time it was asked. If `false`, it does not count as
   * ready, and the pool leases it only if no other container is idle. `undefined` counts as `true`.
   */
  readonly isResponsive?: boolean | undefined
  /**
   * The age in milliseconds after which the pool replaces the container, when no lease has it. Without
   * it, an idle container stays.
   */
  readonly retireAfterMs?: number | undefined
  /** Removes the container. Rejects if the removal fails. */
  remove(): Promise<void>
}

/** The options of the pool of one language. */
export interface PoolOptions<T extends Pooled> {
  language: string
  /** Launches a container. Resolves when it is warm. */
  launch: (name: string, signal: AbortSignal) => Promise<T>
  /** The number of warm containers, or the bounds of that number. */
  size: number | SizeBounds
  /** The greatest number of containers at the same time. */
  max: number
  /** The greatest number of callers in the queue. */
  maxWaiting: number
  /** The greatest number of leases of a tenant at the same time. Without it there is no bound. */
  maxPerTenant?: number | undefined
  /** The greatest number of callers of a tenant in the queue. Without it there is no bound. */
  maxWaitingPerTenant?: number | undefined
  /** The time to live of a lease, in milliseconds. */
  leaseTtlMs: number
  /** The end of every container name. It differs between servers, which may share one engine. */
  suffix: string
  /** Called with each event, in a microtask. */
  onEvent?: ((event: PoolEvent) => void) | undefined
}

/** The state of the pool of one language at one moment. */
export interface PoolStats {
  /** The number of containers that the pool keeps warm. It changes if the pool sizes itself. */
  size: number
  /** The greatest number of containers at the same time, including launches and removals. */
  max: number
  /** The number of idle and leased containers that answer. */
  ready: number
  /** The number of warm containers without a lease. */
  idle: number
  /** The number of containers with a lease. */
  leased: number
  /** The number of containers that are being launched. */
  starting: number
  /** The number of containers that are being removed. */
  recycling: number
  /** The number of callers in the queue. */
  waiting: number
  /** The number of tenants with leases or with callers in the queue. */
  tenants: number
  /** The moving average of the duration of a lease, in milliseconds. */
  holdMs: number
  /** The error of the latest launch, if it failed; `undefined` if it succeeded. */
  lastError: SandboxError | undefined
}

/** The result of the start of the pool of one language. */
export interface StartReport {
  /** The number of containers that are ready. */
  ready: number
  /** The number of containers that the pool keeps warm. */
  total: number
  /** An error for each container that failed or was not ready in time. The pool retries. */
  errors: readonly SandboxError[]
}

/** The options of `acquire()`. */
export interface AcquireOptions {
  /**
   * The time limit for the wait in the queue, in milliseconds. With 0 the caller gets an idle
   * container or an error without waiting.
   *
   * @default 10_000
   */
  timeoutMs?: number | undefined
  /** If this signal aborts, the caller leaves the queue with `SANDBOX_ACQUIRE_ABORTED`. */
  signal?: AbortSignal | undefined
  /**
   * The key of the user, the team or the API key for which the caller acts: 1 to 200 characters. It
   * counts for `maxPerTenant` and `maxWaitingPerTenant`, and for the fair order of the queue. No
   * error, event or statistic contains it. Callers without a tenant have no bounds of their own, and
   * count as one tenant in the order of the queue.
   *
   * @default none
   */
  tenant?: string | undefined
  /**
   * The greatest duration of this lease, in milliseconds, at least 1.
   *
   * @default `leaseTtlMs` of the pool
   */
  leaseTtlMs?: number | undefined
}

/**
 * An event in the pool of one language. `name` is the name of the container. An event of a caller is
 * emitted in the async context of its call to `acquire()`.
 */
export type PoolEvent =
  | { type: 'launched'; name: string; tookMs: number }
  | { type: 'launchFailed'; name: string; tookMs: number; error: SandboxError }
  | { type: 'acquired'; name: string; waitedMs: number }
  | { type: 'refused'; waitedMs: number; error: SandboxError }
  | { type: 'ended'; name: string; how: LeaseEnd; released: Released; heldMs: number }
  | { type: 'crashed'; name: string }
  | { type: 'removed'; name: string; tookMs: number }
  | { type: 'removeFailed'; name: string; tookMs: number; error: SandboxError }
