import { setDeadline } from '../util/deadline.js'

/** The options of one waiting caller. */
interface WaitOptions {
  timeoutMs: number
  signal: AbortSignal | undefined
  onTimeout: () => Error
  onAbort: (reason: unknown) => Error
}

interface Caller<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/**
 * A queue of callers in first-in, first-out order. The first of three events settles a caller: it
 * gets a value, its timeout is over, or its signal aborts. The caller then leaves the queue, and
 * its timer and its listener are removed.
 */
export class WaitQueue<T> {
  readonly #callers = new Set<Caller<T>>()
  /** The latest timeout of all callers, as a time of `performance.now()`. */
  #lastLeavesAt = 0

  get size(): number {
    return this.#callers.size
  }

  /** The time in milliseconds until all current callers have left by their timeouts. */
  get lastLeavesInMs(): number {
    return this.#callers.size === 0 ? 0 : Math.max(0, this.#lastLeavesAt - performance.now())
  }

  /** Adds a caller. Resolves with its value; rejects with the error of `onTimeout` or `onAbort`. */
  add({ timeoutMs, signal, onTimeout, onAbort }: WaitOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#callers.delete(caller)
        timer.clear()
        signal?.removeEventListener('abort', abort)
      }
      const caller: Caller<T> = {
        resolve: (value) => {
          leave()
          resolve(value)
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => caller.reject(onAbort(signal?.reason))
      const timer = setDeadline(timeoutMs, () => caller.reject(onTimeout()))
      signal?.addEventListener('abort', abort, { once: true })
      this.#callers.add(caller)
      this.#lastLeavesAt = Math.max(this.#lastLeavesAt, performance.now() + timeoutMs)
    })
  }

  /** Resolves the first caller with a value. */
  settleFirst(value: T): void {
    const [first] = this.#callers
    first?.resolve(value)
  }

  /** Rejects all callers, each with an error of its own. */
  rejectAll(error: () => Error): void {
    for (const caller of this.#callers) caller.reject(error())
  }
}
