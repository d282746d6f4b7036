import { deferred } from '../../util/deferred.js'

/** A program that has waited so long starts all the same: the ones that run may wait for it. */
const LONGEST_WAIT_MS = 5000

/** The place of one program. */
interface Slot {
  /** Settles when the program may start, or is over; absent if it may start at once. */
  ready: Promise<void> | undefined
  /** The program is over, or will never start. Called once. */
  leave: () => void
}

/**
 * How many programs run at once in a lease: each takes processes, threads and memory of the container.
 * The others wait, first come, first served. Nothing can wait for ever: a program has its own time
 * limit, which counts the wait, and after half of it, or 5 s, it starts beside the others.
 */
export class ProgramSlots {
  readonly #max: number
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  /** `start` is called at once, and lets the program wait for `after`. */
  run<T extends { ended: Promise<unknown> }>(
    timeoutMs: number,
    start: (after: Promise<void> | undefined) => T,
  ): T {
    const { ready, leave } = this.#take(timeoutMs)
    try {
      const program = start(ready)
      void program.ended.then(leave)
      return program
    } catch (error) {
      leave()
      throw error
    }
  }

  #take(timeoutMs: number): Slot {
    if (this.#running < this.#max) {
      this.#running++
      return { ready: undefined, leave: () => this.#end() }
    }
    const ready = deferred<void>()
    const start = () => {
      clearTimeout(timer)
      this.#waiting.delete(start)
      this.#running++
      ready.resolve()
    }
    const timer = setTimeout(start, Math.min(LONGEST_WAIT_MS, timeoutMs / 2))
    this.#waiting.add(start)
    const leave = () => {
      clearTimeout(timer)
      // What waits for its start must not wait for ever.
      if (this.#waiting.delete(start)) ready.resolve()
      else this.#end()
    }
    return { ready: ready.promise, leave }
  }

  #end(): void {
    this.#running--
    const [next] = this.#waiting
    if (this.#running < this.#max) next?.()
  }
}
