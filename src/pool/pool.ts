import type { AsyncResource } from 'node:async_hooks'
import { Backoff } from './backoff.js'
import { within } from '../util/deadline.js'
import type { Caller } from './caller.js'
import { Launches } from './launches.js'
import type { Lease, Released } from './lease.js'
import { Leases } from './leases.js'
import type {
  AcquireOptions,
  Pooled,
  PoolEvent,
  PoolOptions,
  PoolStats,
  StartReport,
} from './types.js'
import { AcquireErrors } from './acquire-errors.js'
import type { LeaseRequest } from './admission.js'
import { Admission } from './admission.js'
import { asSandboxError, diedIdle } from './container-errors.js'
import { LAST_REMOVALS_MS, Removals } from './removals.js'
import { Retirement } from './retirement.js'
import { inRemovalOrder, nextToLend, isResponsive } from './responsive.js'
import { WaitQueue } from './wait-queue.js'
import type { SizeBounds } from './warm-size.js'
import { defaultMax, WarmSize } from './warm-size.js'

/**
 * The warm containers of one language. This class does not depend on Docker or HTTP.
 *
 * `starting + idle + leased + recycling <= max` holds at all times: each container counts in
 * exactly one of these states, from before its launch until after its removal. The pool launches a
 * new container when a lease begins, not when it ends.
 */
export class Pool<T extends Pooled> {
  readonly #options: PoolOptions<T>
  readonly #warm: WarmSize
  #max: number
  readonly #errors: AcquireErrors
  readonly #queue: WaitQueue<Caller<Lease<T>>>
  readonly #admission: Admission<T>
  readonly #idle = new Set<T>()
  readonly #leases: Leases<T>
  readonly #launches: Launches<T>
  readonly #removals = new Removals({
    onEvent: (event) => this.#emit(event),
    onSettled: () => this.#refill(),
  })
  readonly #retirement = new Retirement<T>((container) => this.#retire(container))
  readonly #backoff = new Backoff(() => this.#refill())
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  constructor(options: PoolOptions<T>) {
    this.#options = options
    this.#warm = new WarmSize(options.size, () => this.#trim())
    this.#max = options.max
    this.#queue = new WaitQueue(options)
    this.#leases = new Leases({
      ttlMs: options.leaseTtlMs,
      onEnd: (lease) => this.#takeBack(lease),
    })
    this.#launches = new Launches({
      language: options.language,
      suffix: options.suffix,
      launch: options.launch,
      signal: this.#closing.signal,
      onLaunched: (container, tookMs, cause) => {
        this.#backoff.succeeded()
        this.#warm.launched(tookMs)
        this.#adopt(container, tookMs, cause)
      },
      onFailed: (name, tookMs, error, cause) => {
        if (this.#isClosed && error.code === 'SANDBOX_CLOSED') return // close() aborted this launch.
        if (!this.#isClosed) this.#backoff.failed(error)
        const emit = () => this.#emit({ type: 'launchFailed', name, tookMs, error })
        cause.runInAsyncScope(emit)
        this.#admission.refuse()
      },
      onSettled: () => this.#refill(),
    })
    this.#errors = new AcquireErrors({
      language: options.language,
      queue: this.#queue,
      backoff: this.#backoff,
      steps: {
        launch: this.#launches.tookMs,
        hold: this.#leases.heldMs,
        removal: this.#removals.tookMs,
      },
      places: () => Math.max(1, this.#max - this.#leases.unlimited),
      limited: () => this.#leases.size - this.#leases.unlimited,
      stats: () => this.stats(),
    })
    this.#admission = new Admission({
      queue: this.#queue,
      errors: this.#errors,
      nextIdle: () => nextToLend(this.#idle),
      lend: (container, request) => this.#lend(container, request),
      onDemand: () => this.#warm.arrived(),
      refill: () => this.#refill(),
    })
  }

  /**
   * Launches the warm containers. Resolves when all of them have settled, or after `timeoutMs`,
   * with the number of ready containers and the errors. Failed launches are retried, and slow
   * launches continue.
   */
  async start(timeoutMs = 30_000): Promise<StartReport> {
    if (this.#isClosed) throw this.#errors.closed()
    const total = this.#warm.now
    const missing = Math.min(total, this.#max) - this.#live
    const errors = await this.#launches.beginAll(missing, timeoutMs)
    return { ready: this.stats().ready, total, errors }
  }

  /**
   * Leases a warm container, or waits in the queue for one.
   *
   * @throws SandboxError `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_TENANT_LIMIT`,
   * `SANDBOX_ACQUIRE_ABORTED`, `SANDBOX_CLOSED`. If the pool has no container and launches fail, it
   * throws the code of the latest launch failure, also to the callers that wait already.
   */
  async acquire(options: AcquireOptions = {}): Promise<Lease<T>> {
    const since = performance.now()
    try {
      if (this.#isClosed) throw this.#errors.closed()
      return await this.#admission.acquire(options)
    } catch (error) {
      const waitedMs = performance.now() - since
      this.#emit({ type: 'refused', waitedMs, error: asSandboxError(error, 'acquire') })
      throw error
    }
  }

  stats(): PoolStats {
    return {
      size: this.#warm.now,
      max: this.#max,
      ready: [...this.#idle, ...this.#leases.containers].filter(isResponsive).length,
      idle: this.#idle.size,
      leased: this.#leases.size,
      starting: this.#launches.starting,
      recycling: this.#removals.size,
      waiting: this.#queue.callers.size,
      tenants: this.#queue.tenants,
      holdMs: Math.round(this.#leases.heldMs.value ?? 0),
      lastError: this.#backoff.lastError,
    }
  }

  /** Returns whether a container of this name is idle or leased. */
  isRunning(name: string): boolean {
    return [...this.#idle, ...this.#leases.containers].some((container) => container.name === name)
  }

  /** Returns whether the launch of a container of this name is running. */
  isLaunching(name: string): boolean {
    return this.#launches.has(name)
  }

  /**
   * Changes the number of warm containers and the maximum. Leased containers above the maximum are
   * removed when their lease ends.
   */
  resize(size: number | SizeBounds, max = defaultMax(size)): void {
    this.#warm.set(size)
    this.#max = max
    this.#trim()
    this.#refill()
  }

  /**
   * Refuses new callers, waits for the leases until the deadline, ends the remaining leases and
   * removes all containers. Resolves at the latest one second after the deadline: if the removal of
   * a container is not confirmed by then, a `removeFailed` event reports it. A second call returns
   * the same promise.
   */
  close({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(deadlineMs)
    return this.#closed
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** The number of all containers, from the launch until the end of the removal. */
  get #live(): number {
    return this.#staying + this.#removals.size
  }

  /** The number of containers without the ones that are being removed. */
  get #staying(): number {
    return this.#launches.starting + this.#idle.size + this.#leases.size
  }

  /**
   * Lends idle containers to the callers in the queue, then launches the missing containers up to
   * the maximum.
   */
  #refill(): void {
    for (let caller = this.#queue.next; caller; caller = this.#queue.next) {
      const container = nextToLend(this.#idle)
      if (!container) break
      caller.resolve(this.#lend(container, caller))
    }
    if (this.#isClosed || this.#backoff.isWaiting) return
    const missing = this.#warm.now - this.#idle.size - this.#launches.starting
    const wanted = missing + this.#queue.servable
    const allowed = this.#max - this.#live
    for (let left = Math.min(wanted, allowed); left > 0; left--) void this.#launches.begin()
  }

  #adopt(container: T, tookMs: number, cause: AsyncResource): void {
    if (this.#isClosed) return this.#recycle(container)
    this.#idle.add(container)
    const emit = () => this.#emit({ type: 'launched', name: container.name, tookMs })
    cause.runInAsyncScope(emit)
    void container.exited.then(() => this.#died(container))
    this.#retirement.plan(container)
    this.#trim()
  }

  #died(container: T): void {
    const lease = this.#leases.of(container)
    const wasIdle = this.#idle.delete(container)
    if (!lease && !wasIdle) return
    this.#emit({ type: 'crashed', name: container.name })
    if (lease) lease.end('crash')
    else {
      // No lease caused this exit. The pause prevents an endless loop of launches if containers
      // exit as soon as they are idle. Containers that exit together, with their engine, count as
      // one failure.
      if (!this.#backoff.isWaiting) {
        this.#backoff.failed(diedIdle(container.name))
      }
      this.#recycle(container)
    }
  }

  #lend(container: T, request: LeaseRequest<T>): Lease<T> {
    const { tenant, leaseTtlMs, arrivedAt, context } = request
    this.#idle.delete(container)
    this.#queue.leaseBegan(tenant)
    const onEnded = () => this.#queue.leaseEnded(tenant)
    const lease = this.#leases.begin(container, { ttlMs: leaseTtlMs, onEnded })
    const waitedMs = performance.now() - arrivedAt
    const emit = () => this.#emit({ type: 'acquired', name: container.name, waitedMs })
    if (context) context.runInAsyncScope(emit)
    else emit()
    return lease
  }

  #takeBack(lease: Lease<T>): Released {
    const { container, heldMs } = lease
    const isSurplus = this.#staying >= this.#max
    const isSpent = lease.isUsed || this.#retirement.isOld(container)
    const released = isSpent || this.#isClosed || isSurplus ? 'recreated' : 'returned'
    if (released === 'returned') this.#idle.add(container)
    else this.#recycle(container)
    const how = lease.ended ?? 'released'
    this.#emit({ type: 'ended', name: container.name, how, released, heldMs })
    this.#refill()
    return released
  }

  #retire(container: T): void {
    if (!this.#idle.has(container)) return
    this.#recycle(container)
    this.#refill()
  }

  #recycle(container: T): void {
    this.#idle.delete(container)
    this.#launches.freeSlot(container.name)
    this.#removals.begin(container)
  }

  /** Removes idle containers above the warm size or above the maximum. */
  #trim(): void {
    for (const container of inRemovalOrder(this.#idle)) {
      const isWanted = this.#idle.size <= this.#warm.now + this.#queue.servable
      // Containers that are being removed do not count here. Otherwise the pool would remove warm
      // containers although these removals are enough to meet the maximum.
      if (isWanted && this.#staying <= this.#max) return
      this.#recycle(container)
    }
  }

  async #close(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs
    this.#closing.abort(this.#errors.closed())
    for (const caller of this.#queue.callers) caller.reject(this.#errors.closed())
    this.#backoff.stop()
    this.#warm.stop()
    for (const container of this.#idle) this.#recycle(container)
    await within(deadlineMs, this.#leases.ended())
    this.#leases.endAll('closed')
    const leftMs = Math.max(LAST_REMOVALS_MS, deadline - performance.now())
    await within(
      leftMs,
      this.#launches.settled().then(() => this.#removals.settled()),
    )
    this.#removals.giveUp(this.#launches.names)
  }

  /**
   * Calls the listener in a microtask, so that an error of the listener does not interrupt the
   * pool.
   */
  #emit(event: PoolEvent): void {
    const { onEvent } = this.#options
    if (onEvent) queueMicrotask(() => onEvent(event))
  }
}
