import { setDeadline } from '../util/deadline.js'

/** The limits of one wait. */
interface WaitOptions {
  timeoutMs: number
  signal: AbortSignal | undefined
  onTimeout: () => Error
  onAbort: (reason: unknown) => Error
}

interface Waiting<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/**
 * The requests that wait for their turn in a session, or for a place of a session, in first-in,
 * first-out order. The first of three events settles a request: it gets a value, its time is over,
 * or its signal aborts.
 */
export class Turns<T> {
  readonly #waiting = new Set<Waiting<T>>()

  get size(): number {
    return this.#waiting.size
  }

  /** Waits for a value. Resolves with its value; rejects with the error of `onTimeout` or `onAbort`. */
  add({ timeoutMs, signal, onTimeout, onAbort }: WaitOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting)
        timer.clear()
        signal?.removeEventListener('abort', abort)
      }
      const waiting: Waiting<T> = {
        resolve: (value) => {
          leave()
          resolve(value)
        },
        reject: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => waiting.reject(onAbort(signal?.reason))
      const timer = setDeadline(timeoutMs, () => waiting.reject(onTimeout()))
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.add(waiting)
    })
  }

  /** Gives a value to the first request. */
  settleFirst(value: T): void {
    const [first] = this.#waiting
    first?.resolve(value)
  }
}
