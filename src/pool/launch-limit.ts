import pLimit from 'p-limit'

/** Limits the number of launches at the same time. Further launches wait, and can be dropped. */
export class LaunchLimit {
  readonly #limit: ReturnType<typeof pLimit>

  constructor(concurrency: number) {
    this.#limit = pLimit({ concurrency, rejectOnClear: true })
  }

  /**
   * Runs a launch when the limit allows it. If the launch is dropped before that, the promise
   * rejects with the reason of the signal.
   */
  async run<T>(signal: AbortSignal, launch: () => Promise<T>): Promise<T> {
    let hasBegun = false
    try {
      return await this.#limit(() => {
        hasBegun = true
        return launch()
      })
    } catch (error) {
      throw hasBegun ? error : signal.reason
    }
  }

  /**
   * Drops all launches that have not begun. Abort their signals first: the reason is their error.
   */
  drop(): void {
    this.#limit.clearQueue()
  }
}
