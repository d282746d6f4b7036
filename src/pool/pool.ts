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
import { firstToGo, firstToLend, isResponsive } from './responsive.js'
import { RetryTimes } from './retry-times.js'
import { WaitQueue } from './wait-queue.js'
import type { SizeBounds } from './warm-size.js'
import { defaultMax, WarmSize } from './warm-size.js'

/** Launches and removals get this long to end after the last lease, if the deadline is over. */
export const LAST_REMOVALS_MS = 1000

/**
 * Warm containers of one language. Knows neither Docker nor HTTP.
 *
 * At every step `starting + idle + leased + recycling <= max`: each container is counted in exactly
 * one of them from before its launch until after its removal. A container is launched when one is
 * taken, not when one comes back.
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
    onEvent: (event) => this.#tell(event),
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
        if (this.#isClosed && error.code === 'SANDBOX_CLOSED') return // it was aborted by that
        if (!this.#isClosed) this.#backoff.failed(error)
        this.#tell({ type: 'launchFailed', name, error })
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
   * Launches what is kept warm and tells how many came up within the time. Those that failed are
   * tried again, those that take longer go on.
   */
  async start(timeoutMs = 30_000): Promise<StartReport> {
    if (this.#isClosed) throw this.#errors.closed()
    const total = this.#warm.now
    const missing = Math.min(total, this.#max) - this.#live
    const errors = await this.#launches.beginAll(missing, timeoutMs)
    return { ready: this.stats().ready, total, errors }
  }

  /**
   * Takes a warm container, or waits in line for one.
   *
   * @throws SandboxError `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_ACQUIRE_ABORTED`,
   * `SANDBOX_CLOSED`; and at once, why there is none, where nothing is alive and launches fail.
   */
  async acquire({ timeoutMs = 10_000, signal }: AcquireOptions = {}): Promise<Lease<T>> {
    if (this.#isClosed) throw this.#errors.closed()
    if (signal?.aborted) throw this.#errors.aborted(signal.reason)
    this.#warm.arrived()
    const idle = firstToLend(this.#idle)
    // One that came up this instant belongs to whoever waits already.
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
    lease.end('released') // it won, and was aborted before it could know
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

  /** Whether a container of this name can serve. */
  isRunning(name: string): boolean {
    return [...this.#idle, ...this.#leases.containers].some((container) => container.name === name)
  }

  /** Whether the launch of a container of this name is under way. */
  isLaunching(name: string): boolean {
    return this.#launches.has(name)
  }

  /** Changes how many are kept warm, and the cap. Leased ones above it go when their lease ends. */
  resize(size: number | SizeBounds, max = defaultMax(size)): void {
    this.#warm.set(size)
    this.#max = max
    this.#trim()
    this.#refill()
  }

  /**
   * Refuses new callers, gives leases until the deadline to end, removes everything. Resolves a second
   * after the deadline at the latest: what is not known to be gone by then is told as `removeFailed`.
   * Idempotent.
   */
  close({ deadlineMs = 10_000 }: { deadlineMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(deadlineMs)
    return this.#closed
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  get #live(): number {
    return this.#staying + this.#removals.size
  }

  /** All but those that are going already. */
  get #staying(): number {
    return this.#launches.starting + this.#idle.size + this.#leases.size
  }

  /** Hands idle containers to waiters in line, then launches what is wanted and allowed. */
  #refill(): void {
    while (this.#queue.size > 0) {
      const container = firstToLend(this.#idle)
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
    this.#tell({ type: 'launched', name: container.name })
    void container.exited.then(() => this.#died(container))
    this.#trim()
  }

  #died(container: T): void {
    const lease = this.#leases.of(container)
    const wasIdle = this.#idle.delete(container)
    if (!lease && !wasIdle) return
    this.#tell({ type: 'crashed', name: container.name })
    if (lease) lease.end('crash')
    else {
      // Nobody has touched it: one that dies as soon as it is idle must not be made without pause.
      // Those that die together, with their engine, are one failure.
      if (!this.#backoff.isWaiting) {
        this.#backoff.failed(diedIdle(container.name))
      }
      this.#recycle(container)
    }
  }

  #lend(container: T): Lease<T> {
    this.#idle.delete(container)
    const lease = this.#leases.begin(container)
    this.#tell({ type: 'acquired', name: container.name })
    return lease
  }

  #takeBack(lease: Lease<T>): Released {
    const { container, heldMs } = lease
    const isSurplus = this.#staying >= this.#max
    const released = lease.isUsed || this.#isClosed || isSurplus ? 'recreated' : 'returned'
    if (released === 'returned') this.#idle.add(container)
    else this.#recycle(container)
    this.#tell({
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

  /** Removes idle containers above the size, or above the cap. */
  #trim(): void {
    for (const container of firstToGo(this.#idle)) {
      const isWanted = this.#idle.size <= this.#warm.now + this.#queue.size
      // Those that are going already must not take the warm ones with them.
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

  /** Why waiting makes no sense, if so. */
  #unavailable(): SandboxError | undefined {
    const isAlive = this.#idle.size + this.#leases.size > 0
    // After the pause a caller is what tries again, where none are kept warm.
    const isTrying = this.#launches.starting > 0 || this.#backoff.isWaiting
    return isAlive || !isTrying ? undefined : this.#errors.unavailable(this.#backoff)
  }

  /** A listener that throws throws by itself: the pool's books are kept to the end. */
  #tell(event: PoolEvent): void {
    const { onEvent } = this.#options
    if (onEvent) queueMicrotask(() => onEvent(event))
  }
}
