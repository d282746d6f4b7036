import { SandboxError } from '../errors.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline } from '../util/deadline.js'

/** The reason for the end of a lease. */
export type LeaseEnd =
  /** The holder released the lease, or the response was sent completely. */
  | 'released'
  /** The client disconnected, or did not take the response in time. */
  | 'aborted'
  /** The handler threw. */
  | 'failed'
  /** The lease lasted longer than `leaseTtlMs`. */
  | 'ttl'
  /** The container exited. */
  | 'crash'
  /** The session of the lease was idle for too long. */
  | 'idle'
  /** The session of the lease made room for another session. */
  | 'evicted'
  /** The pool closed. */
  | 'closed'

/**
 * The state of a container after a lease: `returned` means that it was not used and is idle in the
 * pool again, `recreated` means that it is removed and replaced, `kept` means that it stays with
 * its session.
 */
export type Released = 'returned' | 'recreated' | 'kept'

/**
 * The use of one container by one holder. A lease ends once: the first call of `end()` sets the
 * reason, and every later call returns the same result. A lease with a time to live ends by itself
 * after that time, unless `renew()` restarts the time.
 */
export class Lease<T> {
  /** Aborts when the lease ends. The reason of the abort is a {@link LeaseEnd}. */
  readonly signal: AbortSignal
  readonly #abort = new AbortController()
  readonly #takeBack: (lease: Lease<T>) => Released
  readonly #since = performance.now()
  #heldMs: number | undefined
  #ttlMs: number | undefined
  #ttl: DeadlineTimer | undefined
  #used = false
  #calls = 0
  readonly #stops = new Set<(how: LeaseEnd) => void>()
  #end: { how: LeaseEnd; released: Released } | undefined

  /** `takeBack` takes the container back. Without `ttlMs` the lease has no time to live. */
  constructor(
    readonly container: T,
    takeBack: (lease: Lease<T>) => Released,
    ttlMs?: number,
  ) {
    this.signal = this.#abort.signal
    this.#takeBack = takeBack
    this.renew(ttlMs)
  }

  /**
   * Restarts the time to live from now, with the same duration or a new one. It does nothing after
   * the end of the lease.
   */
  renew(ttlMs = this.#ttlMs): void {
    if (this.#end || ttlMs === undefined) return
    this.#ttlMs = ttlMs
    this.#ttl?.clear()
    this.#ttl = setDeadline(ttlMs, () => this.end('ttl')).unref()
  }

  /** The duration of the lease in milliseconds: until now, or until its end if it has ended. */
  get heldMs(): number {
    return this.#heldMs ?? performance.now() - this.#since
  }

  /** The reason for the end; `undefined` if the lease has not ended. */
  get ended(): LeaseEnd | undefined {
    return this.#end?.how
  }

  /** Whether the container was used, so that no other lease may get it. */
  get isUsed(): boolean {
    return this.#used
  }

  /** Marks the container as used. Call it before the first operation in the container. */
  touch(): void {
    this.#used = true
  }

  /** Whether a call of the holder is running. */
  get isBusy(): boolean {
    return this.#calls > 0
  }

  /** Counts a call as running until the promise settles. */
  busyUntil(ended: Promise<unknown>): void {
    this.#calls++
    const over = () => void this.#calls--
    ended.then(over, over)
  }

  /**
   * Calls `stop` when the lease ends, with the reason. Returns the function that removes `stop`. A
   * lease can have many programs, and Node warns if a signal has more than ten listeners.
   */
  onEnd(stop: (how: LeaseEnd) => void): () => void {
    this.#stops.add(stop)
    return () => void this.#stops.delete(stop)
  }

  /** Ends the lease. Returns whether the container goes back to the pool or is replaced. */
  end(how: LeaseEnd): Released {
    if (this.#end) return this.#end.released
    // After any other end the container may be in an unknown state, so it counts as used.
    if (how !== 'released') this.#used = true
    this.#end = { how, released: this.#used ? 'recreated' : 'returned' }
    this.#ttl?.clear()
    this.#heldMs = performance.now() - this.#since
    // The abort comes before the removal of the container: running programs then settle with this
    // reason, and not with `crash`.
    this.#abort.abort(how)
    for (const stop of this.#stops) stop(how)
    this.#end.released = this.#takeBack(this)
    return this.#end.released
  }
}

const SUGGESTIONS: Readonly<Record<LeaseEnd, string>> = {
  released: 'Finish all calls before the response ends, or acquire a sandbox from the pool',
  aborted: 'Stop the work for this request: its client has disconnected or stalled',
  failed: 'Look for the error that the handler threw',
  ttl: 'Release the sandbox sooner, or raise leaseTtlMs',
  crash: 'Check killedBy of the previous result: oom and crash can end the container',
  idle: 'Get the sandbox of the session again: it has a new container then',
  evicted: 'Get the sandbox of the session again: it has a new container then',
  closed: 'Retry with another pool: the pool of this lease was closed',
}

/** Returns the error of a call after the end of its lease. */
export function leaseEnded(name: string, how: LeaseEnd): SandboxError {
  return new SandboxError('SANDBOX_LEASE_ENDED', `the lease of ${name} has ended (${how})`, {
    suggestion: SUGGESTIONS[how],
  })
}

/**
 * Returns a function that marks the container of a lease as used and returns the lease. Every call
 * in the container begins with it. The function throws `SANDBOX_LEASE_ENDED` if the lease has ended.
 */
export function useOf<T extends { name: string }>(lease: Lease<T>): () => Lease<T> {
  return () => {
    const { ended } = lease
    if (ended) throw leaseEnded(lease.container.name, ended)
    lease.touch()
    return lease
  }
}
