import pLimit from 'p-limit'

/** Bounds how many launches run side by side. A launch that has not begun can be dropped. */
export class LaunchLimit {
  readonly #limit: ReturnType<typeof pLimit>

  constructor(concurrency: number) {
    this.#limit = pLimit({ concurrency, rejectOnClear: true })
  }

  /** Runs a launch as soon as there is room. If it is dropped before that, it rejects with the signal's reason. */
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

  /** Drops all launches that have not begun. */
  drop(): void {
    this.#limit.clearQueue()
  }
}
