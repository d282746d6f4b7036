import { deferred } from '../../util/deferred.js'

/**
 * The maximum wait for a slot. After it, a program starts without a slot: the programs that run may
 * be waiting for it.
 */
const MAX_WAIT_MS = 5000

/** The slot of one program, or its place in the queue for one. */
interface Slot {
  /** Resolves when the program may start, or has ended; absent if it may start at once. */
  ready: Promise<void> | undefined
  /**
   * Frees the slot, or leaves the queue. Called once, when the program has ended or cannot start.
   */
  leave: () => void
}

/**
 * Limits how many programs of a lease run at once, because each one needs processes, threads and
 * memory of the container. The other programs wait in first-in, first-out order. The wait counts
 * for the time limit of the program. The wait ends after half of that limit, or after 5 s: the
 * program then starts in addition to the others.
 */
export class ProgramSlots {
  readonly #max: number
  readonly #waiting = new Set<() => void>()
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  /**
   * Calls `start` at once to create a program. The program must wait until `after` resolves; it may
   * start at once if `after` is `undefined`.
   */
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
    const timer = setTimeout(start, Math.min(MAX_WAIT_MS, timeoutMs / 2))
    this.#waiting.add(start)
    const leave = () => {
      clearTimeout(timer)
      // If the program ended in the queue, its promise resolves too, so that its start is not
      // pending for ever. The program checks itself that it has ended.
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
