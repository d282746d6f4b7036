import { LinkedSet } from '../util/linked-set.js'
import { RetryTimes } from './retry-times.js'

/** A caller in a queue. */
export interface Waiting {
  /** The time of `performance.now()` at which the timeout of the caller is over. */
  readonly leavesAt: number
}

/** Callers in first-in, first-out order. */
export class Callers<C extends Waiting> {
  readonly #callers = new LinkedSet<C>()
  /** The latest timeout of all callers, as a time of `performance.now()`. */
  #lastLeavesAt = 0

  get size(): number {
    return this.#callers.size
  }

  get first(): C | undefined {
    return this.#callers.first
  }

  /** The time in milliseconds until all current callers have left by their timeouts. */
  get lastLeavesInMs(): number {
    return this.size === 0 ? 0 : Math.max(0, this.#lastLeavesAt - performance.now())
  }

  add(caller: C): void {
    this.#callers.add(caller)
    this.#lastLeavesAt = Math.max(this.#lastLeavesAt, caller.leavesAt)
  }

  delete(caller: C): void {
    this.#callers.delete(caller)
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#callers[Symbol.iterator]()
  }
}

/** The bounds of one tenant in one language. */
export interface TenantBounds {
  /** The greatest number of leases at the same time; `Infinity` without a bound. */
  leases: number
  /** The greatest number of callers in the queue; `Infinity` without a bound. */
  waiting: number
}

/** The leases and the callers of one tenant in one language. */
export class Tenant<C extends Waiting> {
  /** The number of leases that the tenant holds. */
  leased = 0
  readonly callers = new Callers<C>()
  /** The retry times of the refused callers of this tenant. */
  readonly retryTimes = new RetryTimes()

  /** The callers without a tenant have the key `undefined`. */
  constructor(
    readonly key: string | undefined,
    readonly bounds: TenantBounds,
  ) {}

  /** Whether no caller can get a container until a lease of this tenant ends. */
  get isAtBound(): boolean {
    return this.leased >= this.bounds.leases
  }

  /** Whether a further caller of this tenant can get a container before a lease of it ends. */
  get hasRoom(): boolean {
    return this.leased + this.callers.size < this.bounds.leases
  }

  /** Whether the tenant has as many callers in the queue as it may have. */
  get isQueueFull(): boolean {
    return this.callers.size >= this.bounds.waiting
  }

  /** The number of callers that can get a container before a lease of this tenant ends. */
  get servable(): number {
    return Math.min(this.callers.size, this.bounds.leases - this.leased)
  }
}
