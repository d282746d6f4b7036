import { SandboxError } from '../errors.js'

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
 * One holder's time with one container. It begins once and ends once; what ends it first says
 * how, and every later end is told the same.
 */
export class Lease<T> {
  /** Aborts when the lease ends; the reason is a {@link LeaseEnd}. */
  readonly signal: AbortSignal
  readonly #ending = new AbortController()
  readonly #onEnd: (lease: Lease<T>) => Released
  #used = false
  #calls = 0
  #end: { how: LeaseEnd; released: Released } | undefined

  constructor(
    readonly container: T,
    onEnd: (lease: Lease<T>) => Released,
  ) {
    this.signal = this.#ending.signal
    this.#onEnd = onEnd
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
    // Told first, so that what still runs settles with this reason and not as a crash.
    this.#ending.abort(how)
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
