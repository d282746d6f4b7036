import type { Settle, WaitLimits } from '../util/wait.js'
import { waitWithin } from '../util/wait.js'

/**
 * The requests that wait for their turn in a session, or for a place of a session, in first-in,
 * first-out order.
 */
export class Turns<T> {
  readonly #waiting = new Set<Settle<T>>()

  get size(): number {
    return this.#waiting.size
  }

  /** Waits for a value. Resolves with its value; rejects with the error of `onTimeout` or `onAbort`. */
  add(limits: WaitLimits): Promise<T> {
    return waitWithin<T>(limits, (settle) => {
      this.#waiting.add(settle)
      return () => this.#waiting.delete(settle)
    })
  }

  /** Gives a value to the first request. */
  settleFirst(value: T): void {
    const [first] = this.#waiting
    first?.resolve(value)
  }
}
