import { MovingAverage } from '../util/moving-average.js'
import { aborted, setDeadline } from '../util/deadline.js'
import type { LeaseEnd, Released } from './lease.js'
import { Lease } from './lease.js'

interface LeasesOptions<T> {
  /** How long a lease may last. */
  ttlMs: number
  /** Takes the container back, and says what becomes of it. */
  onEnd: (lease: Lease<T>, heldMs: number) => Released
}

/** The leases that have not ended, by their containers. Each ends by itself after its time to live. */
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
    const since = performance.now()
    const lease: Lease<T> = new Lease(container, () => {
      ttl.clear()
      this.#held.delete(container)
      const heldMs = performance.now() - since
      this.heldMs.add(heldMs)
      return onEnd(lease, heldMs)
    })
    const ttl = setDeadline(ttlMs, () => lease.end('ttl')).unref()
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
