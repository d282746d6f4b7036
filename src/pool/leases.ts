import { MovingAverage } from '../util/moving-average.js'
import { aborted } from '../util/deadline.js'
import type { LeaseEnd, Released } from './lease.js'
import { Lease } from './lease.js'

interface LeasesOptions<T> {
  /** The default time to live of a lease, in milliseconds. */
  ttlMs: number
  /** Takes the container back. Returns whether it stays in the pool or is replaced. */
  onEnd: (lease: Lease<T>) => Released
}

interface BeginOptions {
  /** The time to live of this lease, in milliseconds; `Infinity` for a lease without one. */
  ttlMs: number | undefined
  onEnded: () => void
}

/** Keeps the leases that have not ended, by container. */
export class Leases<T> {
  readonly #options: LeasesOptions<T>
  /** The average duration of a lease with a time to live, in milliseconds. */
  readonly heldMs = new MovingAverage()
  readonly #held = new Map<T, Lease<T>>()
  #unlimited = 0

  constructor(options: LeasesOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#held.size
  }

  /** The number of leases without a time to live: those of sessions. */
  get unlimited(): number {
    return this.#unlimited
  }

  get containers(): readonly T[] {
    return [...this.#held.keys()]
  }

  /** Returns the lease of a container; `undefined` if the container has none. */
  of(container: T): Lease<T> | undefined {
    return this.#held.get(container)
  }

  /** Begins a lease. `onEnded` is called when it has ended, before its container is taken back. */
  begin(container: T, { ttlMs = this.#options.ttlMs, onEnded }: BeginOptions): Lease<T> {
    const isLimited = Number.isFinite(ttlMs)
    const takeBack = (lease: Lease<T>) => {
      this.#held.delete(container)
      // A lease without a time to live says nothing about the time until a place is free.
      if (isLimited) this.heldMs.add(lease.heldMs)
      else this.#unlimited--
      onEnded()
      return this.#options.onEnd(lease)
    }
    if (!isLimited) this.#unlimited++
    const lease = new Lease(container, takeBack, isLimited ? ttlMs : undefined)
    this.#held.set(container, lease)
    return lease
  }

  /** Resolves when all leases that exist now have ended. */
  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#held.values(), ({ signal }) => aborted(signal)))
  }

  endAll(how: LeaseEnd): void {
    for (const lease of this.#held.values()) lease.end(how)
  }
}
