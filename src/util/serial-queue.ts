/** Runs things one after the other: each one begins when all before it have ended. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Calls `start` at once, with a promise that settles when all before have ended: the thing itself
   * waits for it. The `ended` of the thing never rejects.
   */
  run<T extends { ended: Promise<unknown> }>(start: (previous: Promise<unknown>) => T): T {
    const previous = this.#last
    const started = start(previous)
    this.#last = previous.then(() => started.ended)
    return started
  }
}
