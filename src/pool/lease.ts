import { SandboxError } from '../errors.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline } from '../util/deadline.js'

/** Why a lease ended. */
export type LeaseEnd =
  /** The holder gave it back, or the response was over. */
  | 'released'
  /** The client went away. */
  | 'aborted'
  /** The handler threw. */
  | 'failed'
  /** It was held for longer than `leaseTtlMs`. */
  | 'ttl'
  /** The container died. */
  | 'crash'
  /** The pool closed. */
  | 'closed'

/** What became of a lease's container: untouched and back in the pool, or replaced. */
export type Released = 'returned' | 'recreated'

/**
 * One holder's time with one container. It begins once and ends once. The first end gives the reason,
 * and every later end gets the same answer. A lease with a time to live ends by itself when that time
 * is over; `renew()` starts the time again.
 */
export class Lease<T> {
  /** Aborts when the lease ends; the reason is a {@link LeaseEnd}. */
  readonly signal: AbortSignal
  readonly #abort = new AbortController()
  readonly #onEnd: (lease: Lease<T>) => Released
  readonly #since = performance.now()
  #heldMs: number | undefined
  #ttlMs: number | undefined
  #ttl: DeadlineTimer | undefined
  #used = false
  #calls = 0
  #end: { how: LeaseEnd; released: Released } | undefined

  /** `onEnd` takes the container back. Without `ttlMs` the lease has no time to live. */
  constructor(
    readonly container: T,
    onEnd: (lease: Lease<T>) => Released,
    ttlMs?: number,
  ) {
    this.signal = this.#abort.signal
    this.#onEnd = onEnd
    this.renew(ttlMs)
  }

  /** Starts the time to live again, from now: the same time, or another. After the end it does nothing. */
  renew(ttlMs = this.#ttlMs): void {
    if (this.#end || ttlMs === undefined) return
    this.#ttlMs = ttlMs
    this.#ttl?.clear()
    this.#ttl = setDeadline(ttlMs, () => this.end('ttl')).unref()
  }

  /** For how long the lease has been held, in milliseconds; after the end, the whole time. */
  get heldMs(): number {
    return this.#heldMs ?? performance.now() - this.#since
  }

  /** How it ended, once it has. */
  get ended(): LeaseEnd | undefined {
    return this.#end?.how
  }

  /** Whether its container must never be seen by another lease. */
  get isUsed(): boolean {
    return this.#used
  }

  /** Something is about to happen in the container: it is this lease's alone from now on. */
  touch(): void {
    this.#used = true
  }

  /** Whether a call of the holder's is under way. */
  get isBusy(): boolean {
    return this.#calls > 0
  }

  /** A call is under way until the promise settles. */
  busyUntil(ended: Promise<unknown>): void {
    this.#calls++
    const over = () => void this.#calls--
    ended.then(over, over)
  }

  end(how: LeaseEnd): Released {
    if (this.#end) return this.#end.released
    // Any doubt is use.
    if (how !== 'released') this.#used = true
    this.#end = { how, released: this.#used ? 'recreated' : 'returned' }
    this.#ttl?.clear()
    this.#heldMs = performance.now() - this.#since
    // First of all: programs that still run settle with this reason, and not as a crash.
    this.#abort.abort(how)
    this.#end.released = this.#onEnd(this)
    return this.#end.released
  }
}

const AFTER_END: Readonly<Record<LeaseEnd, string>> = {
  released: 'Finish with the sandbox before the response is over, or acquire one yourself',
  aborted: 'The client is gone, nobody waits for this',
  failed: 'The handler threw',
  ttl: 'It was held for longer than leaseTtlMs',
  crash: 'Look at killedBy of the result before: oom and crash may take the container with them',
  closed: 'The pool was closed',
}

/** What a call gets that comes too late. */
export function leaseEnded(name: string, how: LeaseEnd): SandboxError {
  return new SandboxError('SANDBOX_LEASE_ENDED', `the lease of ${name} is over (${how})`, {
    suggestion: AFTER_END[how],
  })
}
