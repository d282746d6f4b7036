/** Runs a bounded number of tasks side by side. */
export class InFlight {
  readonly #max: number
  readonly #onFailure: (error: unknown) => void
  readonly #tasks = new Set<Promise<void>>()

  /** `onFailure` is called for each task that fails. */
  constructor(max: number, onFailure: (error: unknown) => void) {
    this.#max = max
    this.#onFailure = onFailure
  }

  /** Starts a task. Resolves when there is room for a further one. Never rejects. */
  async start(task: () => Promise<void>): Promise<void> {
    const run: Promise<void> = task()
      .catch(this.#onFailure)
      .finally(() => this.#tasks.delete(run))
    this.#tasks.add(run)
    if (this.#tasks.size >= this.#max) await Promise.race(this.#tasks)
  }

  /** Resolves when all tasks are over. */
  async settled(): Promise<void> {
    await Promise.all(this.#tasks)
  }
}
