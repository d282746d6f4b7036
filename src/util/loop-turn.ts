import { setImmediate } from 'node:timers'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The time that work for sandboxes may take in one turn of the event loop, in milliseconds. */
const TURN_MS = 10

let lastTurn: Promise<void> = Promise.resolve()

/**
 * Resolves in a later turn of the event loop, and gives each caller a different turn. So pieces of
 * work that are each short enough for one turn do not add up in the same turn.
 */
export function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn())
  return lastTurn
}

/** Divides long work into slices. The event loop runs one turn between two slices. */
export class Slices {
  #since = performance.now()

  /**
   * Waits for the next turn if the slice is over. Await it between two steps of the work. A step
   * may take a few milliseconds at most.
   */
  async next(): Promise<void> {
    if (!this.isOver) return
    await ownTurn()
    this.#since = performance.now()
  }

  /** Whether the slice is over. Reading it first is cheaper than awaiting {@link next}. */
  get isOver(): boolean {
    return performance.now() - this.#since >= TURN_MS
  }
}

/** The time that the work of all sandboxes has taken in this turn, in milliseconds. */
let spentMs = 0

/**
 * Counts the time of work that cannot be divided, from `began` until now. `began` is a time of
 * `performance.now()`.
 */
export function spend(began: number): void {
  const ms = performance.now() - began
  if (ms > 0 && spentMs === 0) {
    // This is not the global function: fake timers of a test would lose the end of the turn, and the
    // time would be used up for ever.
    setImmediate(() => {
      spentMs = 0
    })
  }
  spentMs += ms
}

/** Whether the time of this turn is used up. Further input must then wait for a later turn. */
export function isTurnSpent(): boolean {
  return spentMs >= TURN_MS
}
