import { MovingAverage } from './average.js'
import { Backoff } from './backoff.js'
import { aborted, within } from './deadline.js'
import type { SandboxError } from './errors.js'
import { Launches } from './launches.js'
import type { Released } from './lease.js'
import { Lease } from './lease.js'
import { Names } from './names.js'
import type {
  AcquireOptions,
  Pooled,
  PoolEvent,
  PoolOptions,
  PoolStats,
  StartReport,
} from './pool-types.js'
import { Refusals } from './refusals.js'
import { Removals } from './removals.js'
import { Waiters } from './waiters.js'
import type { SizeBounds } from './warm-size.js'
import { defaultMax, WarmSize } from './warm-size.js'

const ACQUIRE_TIMEOUT_MS = 10_000
/** What a lease is taken to last until one has ended. */
const HOLD_GUESS_MS = 1000

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
  readonly #names: Names
  readonly #refusals: Refusals
  readonly #waiters = new Waiters<Lease<T>>()
  readonly #idle = new Set<T>()
  readonly #leases = new Map<T, Lease<T>>()
  readonly #launches: Launches<T>
  readonly #removals = new Removals({
    onEvent: (event) => this.#tell(event),
    onSettled: () => this.#refill(),
  })
  readonly #backoff = new Backoff(() => this.#refill())
  readonly #closing = new AbortController()
  readonly #holdMs = new MovingAverage()
  #closed: Promise<void> | undefined

  constructor(options: PoolOptions<T>) {
    this.#options = options
    this.#warm = new WarmSize(options.size, () => this.#trim())
    this.#max = options.max
    this.#names = new Names(options.language, options.suffix)
    this.#refusals = new Refusals(options.language)
    this.#launches = new Launches({
      launch: options.launch,
      names: this.#names,
      signal: this.#closing.signal,
      onLaunched: (container, tookMs) => {
        this.#backoff.succeeded()
        this.#warm.launched(tookMs)
        this.#adopt(container)
      },
      onFailed: (name, error) => {
        if (this.#isClosed) return
        this.#backoff.failed(error)
        this.#tell({ type: 'launchFailed', name, error })
      },
      onSettled: () => this.#refill(),
    })
  }

  /** Launches what is kept warm and tells how many came up. Those that did not are tried again. */
  async start(): Promise<StartReport> {
    if (this.#isClosed) throw this.#refusals.closed()
    const total = this.#warm.now
    const missing = Math.min(total, this.#max) - this.#live
    const launches = Array.from({ length: missing }, () => this.#launches.begin())
    const failures = (await Promise.all(launches)).filter((error) => error !== undefined)
    return { ready: this.#idle.size + this.#leases.size, total, errors: failures }
  }

  /**
   * Takes a warm container, or waits in line for one.
   *
   * @throws SandboxError `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_ACQUIRE_ABORTED`,
   * `SANDBOX_CLOSED`; and at once, why there is none, where nothing is alive and launches fail.
   */
  async acquire({ timeoutMs = ACQUIRE_TIMEOUT_MS, signal }: AcquireOptions = {}): Promise<
    Lease<T>
  > {
    if (this.#isClosed) throw this.#refusals.closed()
    if (signal?.aborted) throw this.#refusals.aborted(signal.reason)
    this.#warm.arrived()
    const [idle] = this.#idle
    // One that came up this instant belongs to whoever waits already.
    if (idle && this.#waiters.size === 0) {
      const lease = this.#lend(idle)
      this.#refill()
      return lease
    }
    const hopeless = this.#hopeless()
    if (hopeless) throw hopeless
    if (this.#waiters.size >= this.#options.maxWaiting) {
      throw this.#refusals.queueFull(this.#waiters.size, this.#retryAfterMs)
    }
    const waiting = this.#waiters.add({
      timeoutMs,
      signal,
      onTimeout: () =>
        this.#refusals.timedOut(timeoutMs, this.#retryAfterMs, this.#backoff.lastError),
      onAbort: (reason) => this.#refusals.aborted(reason),
    })
    this.#refill()
    const lease = await waiting
    if (!signal?.aborted) return lease
    lease.end('released') // it won, and was aborted before it could know
    throw this.#refusals.aborted(signal.reason)
  }

  stats(): PoolStats {
    return {
      size: this.#warm.now,
      max: this.#max,
      ready: this.#idle.size + this.#leases.size,
      idle: this.#idle.size,
      leased: this.#leases.size,
      starting: this.#launches.starting,
      recycling: this.#removals.size,
      waiting: this.#waiters.size,
      holdMs: Math.round(this.#holdMs.value ?? 0),
      lastError: this.#backoff.lastError,
    }
  }

  /** Whether a container of this name can serve. */
  isRunning(name: string): boolean {
    return [...this.#idle, ...this.#leases.keys()].some((container) => container.name === name)
  }

  /** Changes how many are kept warm, and the cap. Leased ones above it go when their lease ends. */
  resize(size: number | SizeBounds, max = defaultMax(size)): void {
    this.#warm.set(size)
    this.#max = max
    this.#trim()
    this.#refill()
  }

  /**
   * Refuses new callers, gives leases until the deadline to end, removes everything. Idempotent.
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
    for (const container of this.#idle) {
      if (this.#waiters.size === 0) break
      this.#waiters.settleFirst(this.#lend(container))
    }
    if (this.#isClosed || this.#backoff.isWaiting) return
    const missing = this.#warm.now - this.#idle.size - this.#launches.starting
    const wanted = missing + this.#waiters.size
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
    const lease = this.#leases.get(container)
    const wasIdle = this.#idle.delete(container)
    if (!lease && !wasIdle) return
    this.#tell({ type: 'crashed', name: container.name })
    if (lease) lease.end('crash')
    else {
      // Nobody has touched it: one that dies as soon as it is idle must not be made without pause.
      // Those that die together, with their engine, are one failure.
      if (!this.#backoff.isWaiting) {
        this.#backoff.failed(this.#refusals.diedIdle(container.name))
      }
      this.#recycle(container)
    }
  }

  #lend(container: T): Lease<T> {
    this.#idle.delete(container)
    const since = performance.now()
    const lease: Lease<T> = new Lease(container, () => {
      clearTimeout(ttl)
      return this.#takeBack(lease, performance.now() - since)
    })
    const ttl = setTimeout(() => lease.end('ttl'), this.#options.leaseTtlMs).unref()
    this.#leases.set(container, lease)
    this.#tell({ type: 'acquired', name: container.name })
    return lease
  }

  #takeBack(lease: Lease<T>, heldMs: number): Released {
    const { container } = lease
    this.#leases.delete(container)
    this.#holdMs.add(heldMs)
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
    this.#names.giveBack(container.name)
    this.#removals.begin(container)
  }

  /** Removes idle containers above the size, or above the cap. */
  #trim(): void {
    for (const container of this.#idle) {
      const isWanted = this.#idle.size <= this.#warm.now + this.#waiters.size
      // Those that are going already must not take the warm ones with them.
      if (isWanted && this.#staying <= this.#max) return
      this.#idle.delete(container)
      this.#recycle(container)
    }
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#closing.abort(this.#refusals.closed())
    this.#waiters.rejectAll(() => this.#refusals.closed())
    this.#backoff.stop()
    this.#warm.stop()
    for (const container of this.#idle) {
      this.#idle.delete(container)
      this.#recycle(container)
    }
    const leases = [...this.#leases.values()]
    await within(deadlineMs, Promise.all(leases.map(({ signal }) => aborted(signal))))
    for (const lease of this.#leases.values()) lease.end('closed')
    await this.#launches.settled()
    await this.#removals.settled()
  }

  /** Why waiting makes no sense, if so. */
  #hopeless(): SandboxError | undefined {
    const isAlive = this.#idle.size + this.#leases.size > 0
    // After the pause a caller is what tries again, where none are kept warm.
    const isTrying = this.#launches.starting > 0 || this.#backoff.isWaiting
    return isAlive || !isTrying ? undefined : this.#refusals.hopeless(this.#backoff)
  }

  /** When a place in line may be had, by how long leases have been held. */
  get #retryAfterMs(): number {
    const turns = (this.#waiters.size + 1) / Math.max(1, this.#max)
    return Math.ceil(turns * (this.#holdMs.value || HOLD_GUESS_MS))
  }

  /** A listener that throws throws by itself: the pool's books are kept to the end. */
  #tell(event: PoolEvent): void {
    const { onEvent } = this.#options
    if (onEvent) queueMicrotask(() => onEvent(event))
  }
}
