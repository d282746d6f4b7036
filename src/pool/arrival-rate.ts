/** A rise shows within seconds: 63 % of it after 5 s. One lone caller is 0.2 a second, no more. */
const RISE_MS = 5000
/** A fall shows within minutes: the pauses between bursts must not look like quiet. */
const FALL_MS = 60_000
/** Less than one in ten minutes is nobody: what fades never comes to 0 by itself. */
const QUIET_PER_SECOND = 1 / 600

/**
 * How many callers come a second. What the last seconds say counts at once where it is more than
 * what was held; what is held fades slowly.
 */
export class ArrivalRate {
  #recent = 0
  #held = 0
  #at = performance.now()

  /** One more has come. */
  add(): void {
    this.#fade()
    this.#recent += 1000 / RISE_MS
    this.#held = Math.max(this.#held, this.#recent)
  }

  get perSecond(): number {
    this.#fade()
    return this.#held < QUIET_PER_SECOND ? 0 : this.#held
  }

  #fade(): void {
    const now = performance.now()
    this.#recent *= Math.exp((this.#at - now) / RISE_MS)
    this.#held *= Math.exp((this.#at - now) / FALL_MS)
    this.#at = now
  }
}
