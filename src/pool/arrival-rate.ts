/**
 * The time constant for a rising rate: the measured rate shows 63 % of a rise after 5 s. A single
 * caller raises the rate by 0.2 callers per second.
 */
const RISE_MS = 5000
/**
 * The time constant for a falling rate. It is long, so that a pause between two bursts does not
 * lower the rate.
 */
const FALL_MS = 60_000
/**
 * A lower rate, less than one caller in ten minutes, counts as 0, because an exponential decay never
 * reaches 0.
 */
const QUIET_PER_SECOND = 1 / 600

/**
 * Measures the rate of callers per second. If the rate of the last seconds is higher than the
 * stored rate, it replaces the stored rate immediately. The stored rate decays slowly.
 */
export class ArrivalRate {
  #recent = 0
  #stored = 0
  #at = performance.now()

  /** Counts one caller. */
  add(): void {
    this.#decay()
    this.#recent += 1000 / RISE_MS
    this.#stored = Math.max(this.#stored, this.#recent)
  }

  get perSecond(): number {
    this.#decay()
    return this.#stored < QUIET_PER_SECOND ? 0 : this.#stored
  }

  #decay(): void {
    const now = performance.now()
    this.#recent *= Math.exp((this.#at - now) / RISE_MS)
    this.#stored *= Math.exp((this.#at - now) / FALL_MS)
    this.#at = now
  }
}
