import { Backoff } from './backoff.js'
import { within } from '../util/deadline.js'
import type { SandboxError } from '../errors.js'
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
import { diedIdle } from './container-errors.js'
import { Removals } from './removals.js'
import { inRemovalOrder, nextToLend, isResponsive } from './responsive.js'
import { RetryTimes } from './retry-times.js'
import { WaitQueue } from './wait-queue.js'
import type { SizeBounds } from './warm-size.js'
import { defaultMax, WarmSize } from './warm-size.js'

/**
 * The time in milliseconds that `close()` waits for launches and removals after the last lease has
 * ended, if the deadline leaves less.
 */
export const LAST_REMOVALS_MS = 1000

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
  readonly #queue = new WaitQueue<Lease<T>>()
  readonly #idle = new Set<T>()
  readonly #leases: Leases<T>
  readonly #launches: Launches<T>
  readonly #removals = new Removals({
    onEvent: (event) => this.#emit(event),
    onSettled: () => this.#refill(),
  })
  readonly #retryTimes: RetryTimes
  readonly #backoff = new Backoff(() => this.#refill())
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  constructor(options: PoolOptions<T>) {
    this.#options = options
    this.#warm = new WarmSize(options.size, () => this.#trim())
    this.#max = options.max
    this.#errors = new AcquireErrors(options.language)
    this.#leases = new Leases({
      ttlMs: options.leaseTtlMs,
      onEnd: (lease) => this.#takeBack(lease),
    })
    this.#launches = new Launches({
      language: options.language,
      suffix: options.suffix,
      launch: options.launch,
      signal: this.#closing.signal,
      onLaunched: (container, tookMs) => {
        this.#backoff.succeeded()
        this.#warm.launched(tookMs)
        this.#adopt(container)
      },
      onFailed: (name, error) => {
        if (this.#isClosed && error.code === 'SANDBOX_CLOSED') return // close() aborted this launch.
        if (!this.#isClosed) this.#backoff.failed(error)
        this.#emit({ type: 'launchFailed', name, error })
      },
      onSettled: () => this.#refill(),
    })
    this.#retryTimes = new RetryTimes({
      launch: this.#launches.tookMs,
      hold: this.#leases.heldMs,
      removal: this.#removals.tookMs,
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
   * @throws SandboxError `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`,
   * `SANDBOX_ACQUIRE_ABORTED`, `SANDBOX_CLOSED`. If the pool has no container and launches fail, it
   * throws the code of the latest launch failure without waiting.
   */
  async acquire({ timeoutMs = 10_000, signal }: AcquireOptions = {}): Promise<Lease<T>> {
    if (this.#isClosed) throw this.#errors.closed()
    if (signal?.aborted) throw this.#errors.aborted(signal.reason)
    this.#warm.arrived()
    const idle = nextToLend(this.#idle)
    // A container that has just become ready belongs to the first caller in the queue.
    if (idle && this.#queue.size === 0) {
      const lease = this.#lend(idle)
      this.#refill()
      return lease
    }
    const unavailable = this.#unavailable()
    if (unavailable) throw unavailable
    if (this.#queue.size >= this.#options.maxWaiting) {
      const retryAfterMs = this.#retryTimes.next(this.#max, this.#queue)
      throw this.#errors.queueFull(this.#queue.size, retryAfterMs)
    }
    const waiting = this.#queue.add({
      timeoutMs,
      signal,
      onTimeout: () => {
        const retryAfterMs = this.#retryTimes.next(this.#max, this.#queue)
        return this.#errors.timedOut(timeoutMs, retryAfterMs, this.#backoff.lastError)
      },
      onAbort: (reason) => this.#errors.aborted(reason),
    })
    this.#refill()
    const lease = await waiting
    if (!signal?.aborted) return lease
    // The signal aborted after this caller got the lease and before it could use it.
    lease.end('released')
    throw this.#errors.aborted(signal.reason)
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
      waiting: this.#queue.size,
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
    while (this.#queue.size > 0) {
      const container = nextToLend(this.#idle)
      if (!container) break
      this.#queue.settleFirst(this.#lend(container))
    }
    if (this.#isClosed || this.#backoff.isWaiting) return
    const missing = this.#warm.now - this.#idle.size - this.#launches.starting
    const wanted = missing + this.#queue.size
    const allowed = this.#max - this.#live
    for (let left = Math.min(wanted, allowed); left > 0; left--) void this.#launches.begin()
  }

  #adopt(container: T): void {
    if (this.#isClosed) return this.#recycle(container)
    this.#idle.add(container)
    this.#emit({ type: 'launched', name: container.name })
    void container.exited.then(() => this.#died(container))
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

  #lend(container: T): Lease<T> {
    this.#idle.delete(container)
    const lease = this.#leases.begin(container)
    this.#emit({ type: 'acquired', name: container.name })
    return lease
  }

  #takeBack(lease: Lease<T>): Released {
    const { container, heldMs } = lease
    const isSurplus = this.#staying >= this.#max
    const released = lease.isUsed || this.#isClosed || isSurplus ? 'recreated' : 'returned'
    if (released === 'returned') this.#idle.add(container)
    else this.#recycle(container)
    this.#emit({
      type: 'ended',
      name: container.name,
      how: lease.ended ?? 'released',
      released,
      heldMs,
    })
    this.#refill()
    return released
  }

  #recycle(container: T): void {
    this.#idle.delete(container)
    this.#launches.freeSlot(container.name)
    this.#removals.begin(container)
  }

  /** Removes idle containers above the warm size or above the maximum. */
  #trim(): void {
    for (const container of inRemovalOrder(this.#idle)) {
      const isWanted = this.#idle.size <= this.#warm.now + this.#queue.size
      // Containers that are being removed do not count here. Otherwise the pool would remove warm
      // containers although these removals are enough to meet the maximum.
      if (isWanted && this.#staying <= this.#max) return
      this.#recycle(container)
    }
  }

  async #close(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs
    this.#closing.abort(this.#errors.closed())
    this.#queue.rejectAll(() => this.#errors.closed())
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
   * Returns the error of a caller for which waiting makes no sense; `undefined` if it should wait.
   */
  #unavailable(): SandboxError | undefined {
    const isAlive = this.#idle.size + this.#leases.size > 0
    // If neither is true, the pause is over: this caller starts the next launch. This happens in a
    // pool whose warm size is 0.
    const isRetrying = this.#launches.starting > 0 || this.#backoff.isWaiting
    return isAlive || !isRetrying ? undefined : this.#errors.unavailable(this.#backoff)
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
