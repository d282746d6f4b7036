import { within } from '../util/deadline.js'

const EVERY_MS = 60_000
/** The delay after a failure, because the engine may still execute the failed call. */
const SOON_MS = 5000

/**
 * Removes the containers that failures leave in the engine. A call without an answer may create a
 * container, even later. It sweeps at the start, every minute, and 5 s after a failure.
 */
export class Sweeper {
  readonly #sweep: () => Promise<unknown>
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0
  #running: Promise<void> | undefined
  /** Whether a launch or a removal has failed since the last successful sweep began. */
  #hasFailures = false
  #isStopped = false

  constructor(sweep: () => Promise<unknown>) {
    this.#sweep = sweep
  }

  start(): void {
    void this.#run()
  }

  /** Notes that a launch or a removal has failed. */
  failed(): void {
    this.#hasFailures = true
    this.#runIn(SOON_MS)
  }

  /** Sweeps once more, for at most `timeoutMs`, if a call has failed since the last sweep. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    if (timeoutMs > 0) await within(timeoutMs, this.#sweepLast())
  }

  async #sweepLast(): Promise<void> {
    if (this.#running) await this.#running // that sweep may have begun before the last failure
    if (this.#hasFailures) await this.#run()
  }

  #runIn(ms: number): void {
    const dueAt = performance.now() + ms
    if (this.#isStopped || (this.#timer && this.#dueAt <= dueAt)) return
    clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#run()
    }, ms).unref()
  }

  #run(): Promise<void> {
    this.#running ??= this.#sweepOnce().finally(() => {
      this.#running = undefined
      this.#runIn(this.#hasFailures ? SOON_MS : EVERY_MS)
    })
    return this.#running
  }

  async #sweepOnce(): Promise<void> {
    const hadFailures = this.#hasFailures
    this.#hasFailures = false
    try {
      await this.#sweep()
    } catch {
      // Launches report a missing engine. The next sweep finds the same strays.
      this.#hasFailures ||= hadFailures
    }
  }
}
