/** Runs operations one after the other, in the order of the calls. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Calls `start` immediately and passes a promise that resolves when all earlier operations have
   * ended. The new operation must wait for this promise before it begins. Its `ended` must never
   * reject.
   */
  run<T extends { ended: Promise<unknown> }>(start: (previous: Promise<unknown>) => T): T {
    const previous = this.#last
    const started = start(previous)
    this.#last = previous.then(() => started.ended)
    return started
  }
}
