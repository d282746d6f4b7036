import { Backoff } from './backoff.js'
import type { SandboxErrorCode } from './errors.js'
import { SandboxError } from './errors.js'
import type { LeaseEnd, Released } from './lease.js'
import { Lease } from './lease.js'
import { Names } from './names.js'
import { Waiters } from './waiters.js'

/** What a pool holds: something with a life of its own that can be removed. */
export interface Pooled {
  readonly name: string
  /** Settles when it is dead, however it died. */
  readonly exited: Promise<unknown>
  remove(): Promise<void>
}

/** How one pool is made. */
export interface PoolOptions<T extends Pooled> {
  language: string
  /** Makes one, warm and ready for use. */
  launch: (name: string, signal: AbortSignal) => Promise<T>
  size: number
  max: number
  maxWaiting: number
  leaseTtlMs: number
  /** Ends every name: two servers on one engine must not collide. */
  suffix: string
  onEvent?: (event: PoolEvent) => void
}

/** A pool at one moment. */
export interface PoolStats {
  /** How many are kept warm. */
  size: number
  /** How many may live at once, launching and dying ones included. */
  max: number
  /** How many can serve: idle and leased. */
  ready: number
  idle: number
  leased: number
  starting: number
  recycling: number
  /** Callers in the queue. */
  waiting: number
  /** How long a lease is held, a moving average in milliseconds. */
  holdMs: number
  /** Why the latest launch failed; gone after one that worked. */
  lastError: SandboxError | undefined
}

/** How far a pool came at its start. */
export interface StartReport {
  ready: number
  total: number
  /** One for each that failed; the pool keeps trying. */
  errors: readonly SandboxError[]
}

/** What an acquire may be given. */
export interface AcquireOptions {
  /**
   * How long to wait in the queue, in milliseconds.
   *
   * @default 10_000
   */
  timeoutMs?: number
  /** Leaves the queue when it aborts. */
  signal?: AbortSignal
}

/** Something that happened in a pool. `name` is the container's. */
export type PoolEvent =
  | { type: 'launched' | 'acquired' | 'crashed' | 'removed'; name: string }
  | { type: 'ended'; name: string; how: LeaseEnd; released: Released; heldMs: number }
  | { type: 'launchFailed' | 'removeFailed'; name: string; error: SandboxError }

const ACQUIRE_TIMEOUT_MS = 10_000
/** After so many failures in a row with nothing alive, a new caller is told instead of queued. */
const HOPELESS_AFTER = 3
/** Causes that the next try will not find gone. */
const LASTING: ReadonlySet<SandboxErrorCode | undefined> = new Set([
  'SANDBOX_ENGINE_UNAVAILABLE',
  'SANDBOX_IMAGE_MISSING',
  'SANDBOX_RUNTIME_MISSING',
])
const HOLD_WEIGHT = 0.2
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
  #size: number
  #max: number
  readonly #names: Names
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
  }

  /** Launches `size` containers and tells how many came up. Those that did not are tried again. */
  async start(): Promise<StartReport> {
    const total = this.#size
    const launches = Array.from({ length: total - this.#live }, () => this.#launch())
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
    if (this.#isClosed) throw this.#closedError()
    if (signal?.aborted) throw this.#abortedError(signal.reason)
    const [idle] = this.#idle
    if (idle) {
      const lease = this.#lend(idle)
      this.#refill()
      return lease
    }
    const hopeless = this.#hopeless()
    if (hopeless) throw hopeless
    if (this.#waiters.size >= this.#options.maxWaiting) {
      throw this.#unavailable(
        'SANDBOX_QUEUE_FULL',
        `${this.#waiters.size} callers are waiting already`,
      )
    }
    const waiting = this.#waiters.add({
      timeoutMs,
      signal,
      onTimeout: () =>
        this.#unavailable(
          'SANDBOX_ACQUIRE_TIMEOUT',
          `no container came free within ${timeoutMs} ms`,
        ),
      onAbort: (reason) => this.#abortedError(reason),
    })
    this.#refill()
    const lease = await waiting
    if (!signal?.aborted) return lease
    lease.end('released') // it won, and was aborted before it could know
    throw this.#abortedError(signal.reason)
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
      holdMs: this.#holdMs,
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
    return this.#starting + this.#idle.size + this.#leases.size + this.#recycling.size
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
    else this.#recycle(container)
  }

  #lend(container: T): Lease<T> {
    this.#idle.delete(container)
    const since = Date.now()
    const lease: Lease<T> = new Lease(container, () => {
      clearTimeout(ttl)
      return this.#takeBack(lease, Date.now() - since)
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
    const isSurplus = this.#idle.size >= this.#size && this.#waiters.size === 0
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
      if (isWanted && this.#live <= this.#max) return
      this.#idle.delete(container)
      this.#recycle(container)
    }
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#closing.abort(this.#closedError())
    this.#waiters.rejectAll(() => this.#closedError())
    this.#backoff.stop()
    for (const container of this.#idle) {
      this.#idle.delete(container)
      this.#recycle(container)
    }
    const deadline = sleep(deadlineMs)
    const leases = [...this.#leases.values()]
    await Promise.race([deadline.over, Promise.all(leases.map(({ signal }) => aborted(signal)))])
    for (const lease of this.#leases.values()) lease.end('closed')
    deadline.cancel()
    await Promise.all(this.#launches)
    await Promise.all(this.#recycling)
  }

  /** Why waiting makes no sense, if so. */
  #hopeless(): SandboxError | undefined {
    const { lastError, failures } = this.#backoff
    const isLasting = failures >= HOPELESS_AFTER || LASTING.has(lastError?.code)
    const isAlive = this.#idle.size + this.#leases.size > 0
    if (isAlive || !lastError || !isLasting) return undefined
    return new SandboxError(
      lastError.code,
      `there is no ${this.#options.language} sandbox: ${lastError.message}`,
      {
        cause: lastError,
        retryAfterMs: this.#backoff.delayMs,
      },
    )
  }

  #unavailable(code: 'SANDBOX_QUEUE_FULL' | 'SANDBOX_ACQUIRE_TIMEOUT', why: string): SandboxError {
    const { lastError } = this.#backoff
    const turns = (this.#waiters.size + 1) / Math.max(1, this.#max)
    return new SandboxError(code, `no ${this.#options.language} sandbox: ${why}`, {
      cause: lastError,
      retryAfterMs: Math.ceil(turns * (this.#holdMs || HOLD_GUESS_MS)),
    })
  }

  #tell(event: PoolEvent): void {
    this.#options.onEvent?.(event)
  }

  #closedError(): SandboxError {
    return new SandboxError('SANDBOX_CLOSED', `the ${this.#options.language} pool is closed`)
  }

  #abortedError(cause: unknown): SandboxError {
    const message = `the wait for a ${this.#options.language} sandbox was aborted`
    return new SandboxError('SANDBOX_ACQUIRE_ABORTED', message, { cause })
  }
}

function asSandboxError(error: unknown, name: string): SandboxError {
  if (error instanceof SandboxError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SandboxError('SANDBOX_ENGINE_FAILED', `${name} failed: ${message}`, {
    cause: error,
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function sleep(ms: number): { over: Promise<void>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return { over, cancel: () => clearTimeout(timer) }
}
