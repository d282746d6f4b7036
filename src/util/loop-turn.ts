import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long work for sandboxes may hold the event loop, before others have a turn. */
const TURN_MS = 10

let lastTurn: Promise<void> = Promise.resolve()

/**
 * Resolves in a turn of the event loop that no other caller gets: pieces of long work, each of which is
 * short enough for a turn, do not add up in one.
 */
export function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn())
  return lastTurn
}

/** Cuts long work into slices, between which the event loop has a turn. */
export class Slices {
  #since = performance.now()

  /** To be awaited between two steps of the work, each of which takes a few milliseconds at most. */
  async next(): Promise<void> {
    if (!this.isOver) return
    await ownTurn()
    this.#since = performance.now()
  }

  /** Whether it is time for a turn. To ask first is cheaper than to await. */
  get isOver(): boolean {
    return performance.now() - this.#since >= TURN_MS
  }
}

/** What all sandboxes together have spent of this turn. */
let spentMs = 0

/** Counts work that cannot be cut: it began then, and is over now. */
export function spend(began: number): void {
  const ms = performance.now() - began
  if (ms > 0 && spentMs === 0) {
    setImmediate(() => {
      spentMs = 0
    })
  }
  spentMs += ms
}

/** Whether what else has come is for the next turn. */
export function isTurnSpent(): boolean {
  return spentMs >= TURN_MS
}
