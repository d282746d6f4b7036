import { MovingAverage } from '../util/moving-average.js'
import { aborted } from '../util/deadline.js'
import type { LeaseEnd, Released } from './lease.js'
import { Lease } from './lease.js'

interface LeasesOptions<T> {
  /** The time to live of each lease, in milliseconds. */
  ttlMs: number
  /** Takes the container back, and says what becomes of it. */
  onEnd: (lease: Lease<T>) => Released
}

/** The leases that have not ended, by their containers. */
export class Leases<T> {
  readonly #options: LeasesOptions<T>
  /** How long a lease is held. */
  readonly heldMs = new MovingAverage()
  readonly #held = new Map<T, Lease<T>>()

  constructor(options: LeasesOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#held.size
  }

  get containers(): readonly T[] {
    return [...this.#held.keys()]
  }

  /** The lease that holds a container. */
  of(container: T): Lease<T> | undefined {
    return this.#held.get(container)
  }

  begin(container: T): Lease<T> {
    const { ttlMs, onEnd } = this.#options
    const takeBack = (lease: Lease<T>) => {
      this.#held.delete(container)
      this.heldMs.add(lease.heldMs)
      return onEnd(lease)
    }
    const lease = new Lease(container, takeBack, ttlMs)
    this.#held.set(container, lease)
    return lease
  }

  /** Settles when those that are held now have ended. */
  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#held.values(), ({ signal }) => aborted(signal)))
  }

  endAll(how: LeaseEnd): void {
    for (const lease of this.#held.values()) lease.end(how)
  }
}
