import { Backoff } from './backoff.js'
import { within } from './deadline.js'
import type { SandboxError } from './errors.js'
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
import { asSandboxError, Refusals } from './refusals.js'
import { Waiters } from './waiters.js'

const ACQUIRE_TIMEOUT_MS = 10_000
/** What a lease is taken to last until one has ended. */
const HOLD_GUESS_MS = 1000
/** The latest lease's share in the moving average. */
const HOLD_WEIGHT = 0.2

/**
 * Warm containers of one language. Knows neither Docker nor HTTP.
 *
 * At every step `starting + idle + leased + recycling <= max`: each container is counted in exactly
 * one of them from before its launch until after its removal. A container is launched when one is
 * taken, not when one comes back.
 */
export class Pool<T extends Pooled> {
  readonly #options: PoolOptions<T>
  #size: number
  #max: number
  readonly #names: Names
  readonly #refusals: Refusals
  readonly #waiters = new Waiters<Lease<T>>()
  readonly #idle = new Set<T>()
  readonly #leases = new Map<T, Lease<T>>()
  readonly #launches = new Set<Promise<SandboxError | undefined>>()
  readonly #recycling = new Set<Promise<void>>()
  readonly #backoff = new Backoff(() => this.#refill())
  readonly #closing = new AbortController()
  #starting = 0
  #holdMs = 0
  #closed: Promise<void> | undefined

  constructor(options: PoolOptions<T>) {
    this.#options = options
    this.#size = options.size
    this.#max = options.max
    this.#names = new Names(options.language, options.suffix)
    this.#refusals = new Refusals(options.language)
  }

  /** Launches `size` containers and tells how many came up. Those that did not are tried again. */
  async start(): Promise<StartReport> {
    if (this.#isClosed) throw this.#refusals.closed()
    const total = this.#size
    const missing = Math.min(total, this.#max) - this.#live
    const launches = Array.from({ length: missing }, () => this.#launch())
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
      size: this.#size,
      max: this.#max,
      ready: this.#idle.size + this.#leases.size,
      idle: this.#idle.size,
      leased: this.#leases.size,
      starting: this.#starting,
      recycling: this.#recycling.size,
      waiting: this.#waiters.size,
      holdMs: Math.round(this.#holdMs),
      lastError: this.#backoff.lastError,
    }
  }

  /** Whether a container of this name can serve. */
  isRunning(name: string): boolean {
    return [...this.#idle, ...this.#leases.keys()].some((container) => container.name === name)
  }

  /** Changes how many are kept warm, and the cap. Leased ones above it go when their lease ends. */
  resize(size: number, max = size * 2): void {
    this.#size = size
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
    return this.#staying + this.#recycling.size
  }

  /** All but those that are going already. */
  get #staying(): number {
    return this.#starting + this.#idle.size + this.#leases.size
  }

  /** Hands idle containers to waiters in line, then launches what is wanted and allowed. */
  #refill(): void {
    for (const container of this.#idle) {
      if (this.#waiters.size === 0) break
      this.#waiters.settleFirst(this.#lend(container))
    }
    if (this.#isClosed || this.#backoff.isWaiting) return
    const wanted = this.#size + this.#waiters.size - this.#idle.size - this.#starting
    const allowed = this.#max - this.#live
    for (let left = Math.min(wanted, allowed); left > 0; left--) void this.#launch()
  }

  #launch(): Promise<SandboxError | undefined> {
    const launching = this.#launchOne().finally(() => {
      this.#launches.delete(launching)
      this.#refill()
    })
    this.#launches.add(launching)
    return launching
  }

  async #launchOne(): Promise<SandboxError | undefined> {
    const name = this.#names.take()
    this.#starting++
    try {
      const container = await this.#options.launch(name, this.#closing.signal)
      this.#starting--
      this.#backoff.succeeded()
      this.#adopt(container)
      return undefined
    } catch (error) {
      this.#starting--
      this.#names.giveBack(name)
      const failure = asSandboxError(error, name)
      if (!this.#isClosed) {
        this.#backoff.failed(failure)
        this.#tell({ type: 'launchFailed', name, error: failure })
      }
      return failure
    }
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
    this.#holdMs += (heldMs - this.#holdMs) * (this.#holdMs === 0 ? 1 : HOLD_WEIGHT)
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
    const removal = container
      .remove()
      .then(
        () => this.#tell({ type: 'removed', name: container.name }),
        // Its stream is closed, so its agent exits; the place must not be lost for ever.
        (error: unknown) => {
          const failure = asSandboxError(error, container.name)
          this.#tell({ type: 'removeFailed', name: container.name, error: failure })
        },
      )
      .finally(() => {
        this.#recycling.delete(removal)
        this.#refill()
      })
    this.#recycling.add(removal)
  }

  /** Removes idle containers above the size, or above the cap. */
  #trim(): void {
    for (const container of this.#idle) {
      const isWanted = this.#idle.size <= this.#size + this.#waiters.size
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
    for (const container of this.#idle) {
      this.#idle.delete(container)
      this.#recycle(container)
    }
    const leases = [...this.#leases.values()]
    await within(deadlineMs, Promise.all(leases.map(({ signal }) => aborted(signal))))
    for (const lease of this.#leases.values()) lease.end('closed')
    await Promise.all(this.#launches)
    await Promise.all(this.#recycling)
  }

  /** Why waiting makes no sense, if so. */
  #hopeless(): SandboxError | undefined {
    const isAlive = this.#idle.size + this.#leases.size > 0
    // After the pause a caller is what tries again, where none are kept warm.
    const isTrying = this.#starting > 0 || this.#backoff.isWaiting
    return isAlive || !isTrying ? undefined : this.#refusals.hopeless(this.#backoff)
  }

  /** When a place in line may be had, by how long leases have been held. */
  get #retryAfterMs(): number {
    const turns = (this.#waiters.size + 1) / Math.max(1, this.#max)
    return Math.ceil(turns * (this.#holdMs || HOLD_GUESS_MS))
  }

  /** A listener that throws throws by itself: the pool's books are kept to the end. */
  #tell(event: PoolEvent): void {
    const { onEvent } = this.#options
    if (onEvent) queueMicrotask(() => onEvent(event))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
