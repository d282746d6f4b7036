import type { SandboxError } from '../errors.js'
import type { LeaseEnd, Released } from './lease.js'
import type { SizeBounds } from './warm-size.js'

/** What a pool holds: something with a life of its own that can be removed. */
export interface Pooled {
  readonly name: string
  /** Settles when it is dead, however it died. */
  readonly exited: Promise<unknown>
  /**
   * `false` if it has not answered the last time it was asked: it is not counted as ready, and is lent
   * only if there is no other. `undefined` counts as `true`.
   */
  readonly isResponsive?: boolean | undefined
  remove(): Promise<void>
}

/** How one pool is made. */
export interface PoolOptions<T extends Pooled> {
  language: string
  /** Makes one, warm and ready for use. */
  launch: (name: string, signal: AbortSignal) => Promise<T>
  size: number | SizeBounds
  max: number
  maxWaiting: number
  leaseTtlMs: number
  /** Ends every name: two servers on one engine must not collide. */
  suffix: string
  onEvent?: ((event: PoolEvent) => void) | undefined
}

/** A pool at one moment. */
export interface PoolStats {
  /** How many are kept warm; of a pool that sizes itself, at this moment. */
  size: number
  /** How many may live at once, launching and dying ones included. */
  max: number
  /** How many can serve: idle and leased, without those that do not answer. */
  ready: number
  idle: number
  leased: number
  starting: number
  recycling: number
  /** Callers in the queue. */
  waiting: number
  /** How long a lease is held, a moving average in milliseconds. */
  holdMs: number
  /** Why the latest launch failed; gone after one that worked. */
  lastError: SandboxError | undefined
}

/** How far a pool came at its start. */
export interface StartReport {
  ready: number
  total: number
  /** One for each that failed or was not up in time; the pool keeps trying. */
  errors: readonly SandboxError[]
}

/** What an acquire may be given. */
export interface AcquireOptions {
  /**
   * How long to wait in the queue, in milliseconds. With 0 a caller gets what is idle, or is refused.
   *
   * @default 10_000
   */
  timeoutMs?: number | undefined
  /** Leaves the queue when it aborts. */
  signal?: AbortSignal | undefined
}

/** Something that happened in a pool. `name` is the container's. */
export type PoolEvent =
  | { type: 'launched'; name: string }
  | { type: 'launchFailed'; name: string; error: SandboxError }
  | { type: 'acquired'; name: string }
  | { type: 'ended'; name: string; how: LeaseEnd; released: Released; heldMs: number }
  | { type: 'crashed'; name: string }
  | { type: 'removed'; name: string }
  | { type: 'removeFailed'; name: string; error: SandboxError }
