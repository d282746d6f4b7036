import { setDeadline } from '../util/deadline.js'

/** How one waiter waits. */
interface WaiterOptions {
  timeoutMs: number
  signal: AbortSignal | undefined
  onTimeout: () => Error
  onAbort: (reason: unknown) => Error
}

interface Waiter<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/**
 * A first-in, first-out line. Each waiter is settled exactly once, by whichever comes first of its
 * turn, its timeout and its abort; the others then find it gone, and no timer or listener stays.
 */
export class Waiters<T> {
  readonly #line = new Set<Waiter<T>>()
  /** When the last of all that came leaves at the latest, by `performance.now()`. */
  #lastLeavesAt = 0

  get size(): number {
    return this.#line.size
  }

  /** In how many milliseconds the line is empty at the latest, whoever is served. */
  get lastLeavesInMs(): number {
    return this.#line.size === 0 ? 0 : Math.max(0, this.#lastLeavesAt - performance.now())
  }

  add({ timeoutMs, signal, onTimeout, onAbort }: WaiterOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#line.delete(waiter)
        timer.clear()
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter<T> = {
        resolve: (value) => {
          leave()
          resolve(value)
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => waiter.reject(onAbort(signal?.reason))
      const timer = setDeadline(timeoutMs, () => waiter.reject(onTimeout()))
      signal?.addEventListener('abort', abort, { once: true })
      this.#line.add(waiter)
      this.#lastLeavesAt = Math.max(this.#lastLeavesAt, performance.now() + timeoutMs)
    })
  }

  settleFirst(value: T): void {
    const [first] = this.#line
    first?.resolve(value)
  }

  rejectAll(error: () => Error): void {
    for (const waiter of this.#line) waiter.reject(error())
  }
}
