import type { AcquireErrors } from './acquire-errors.js'
import type { Caller } from './caller.js'
import { waitIn } from './caller.js'
import type { Lease } from './lease.js'
import type { AcquireOptions } from './types.js'
import type { WaitQueue } from './wait-queue.js'

/**
 * The holder and the duration of a lease that begins. `context` is absent if the lease begins in the
 * call of its holder.
 */
export type LeaseRequest<T> = Pick<Caller<Lease<T>>, 'tenant' | 'leaseTtlMs' | 'arrivedAt'> &
  Partial<Pick<Caller<Lease<T>>, 'context'>>

interface AdmissionOptions<T> {
  queue: WaitQueue<Caller<Lease<T>>>
  errors: AcquireErrors
  /** Returns the idle container for the next lease; `undefined` if no container is idle. */
  nextIdle: () => T | undefined
  lend: (container: T, request: LeaseRequest<T>) => Lease<T>
  /** Called for each caller that can get a container before a lease of its tenant ends. */
  onDemand: () => void
  /** Called after each change of the demand or of the queue. */
  refill: () => void
}

/** The way of a caller from its arrival to its lease: at once, through the queue, or refused. */
export class Admission<T> {
  readonly #options: AdmissionOptions<T>

  constructor(options: AdmissionOptions<T>) {
    this.#options = options
  }

  async acquire(options: AcquireOptions): Promise<Lease<T>> {
    const { queue, errors, nextIdle, lend, onDemand, refill } = this.#options
    const { timeoutMs = 10_000, signal, leaseTtlMs } = options
    if (signal?.aborted) throw errors.aborted(signal.reason)
    const arrivedAt = performance.now()
    const tenant = queue.tenant(options.tenant)
    const { hasRoom } = tenant
    if (hasRoom) onDemand()
    // A container that has just become ready belongs to the first caller in the queue.
    const idle = hasRoom && queue.servable === 0 ? nextIdle() : undefined
    if (idle) {
      const lease = lend(idle, { tenant, leaseTtlMs, arrivedAt })
      refill()
      return lease
    }
    const unavailable = errors.unavailable()
    if (unavailable) throw unavailable
    if (queue.isFull(tenant)) throw errors.queueFull(tenant)
    const waiting = waitIn(queue, {
      tenant,
      leaseTtlMs,
      timeoutMs,
      signal,
      onTimeout: () => errors.timedOut(tenant, timeoutMs),
      onAbort: (reason) => errors.aborted(reason),
    })
    refill()
    const lease = await waiting
    if (!hasRoom) {
      // The caller has waited for a lease of its own tenant, and counts as demand from now on.
      onDemand()
      refill()
    }
    if (!signal?.aborted) return lease
    // The signal aborted after this caller got the lease and before it could use it.
    lease.end('released')
    throw errors.aborted(signal.reason)
  }

  /**
   * Refuses the callers in the queue if a caller that arrives now would be refused, too. Call it after a
   * failed launch.
   */
  refuse(): void {
    const { queue, errors } = this.#options
    for (const caller of queue.callers) {
      const unavailable = errors.unavailable()
      if (!unavailable) return
      caller.reject(unavailable)
    }
  }
}
