import { setDeadline } from '../util/deadline.js'

/** How one caller waits. */
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
 * A first-in, first-out queue of callers. The first of three events settles a caller: a container is
 * free, the timeout is over, the signal aborts. The other two then find no caller, and no timer or
 * listener stays.
 */
export class WaitQueue<T> {
  readonly #callers = new Set<Caller<T>>()
  /** The time by which all callers so far have left, by `performance.now()`. */
  #lastLeavesAt = 0

  get size(): number {
    return this.#callers.size
  }

  /** In how many milliseconds all present callers have left, also if none of them is served. */
  get lastLeavesInMs(): number {
    return this.#callers.size === 0 ? 0 : Math.max(0, this.#lastLeavesAt - performance.now())
  }

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

  settleFirst(value: T): void {
    const [first] = this.#callers
    first?.resolve(value)
  }

  rejectAll(error: () => Error): void {
    for (const caller of this.#callers) caller.reject(error())
  }
}
