/** Lets things have their turn: each begins when all before it are over. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** `start` is called at once, and waits for the turn itself. Its `ended` never rejects. */
  take<T extends { ended: Promise<unknown> }>(start: (turn: Promise<unknown>) => T): T {
    const turn = this.#last
    const taken = start(turn)
    this.#last = turn.then(() => taken.ended)
    return taken
  }
}
