/** The weight of the latest value in the average. */
const WEIGHT = 0.2

/**
 * An exponential moving average. It is `undefined` before the first value, and equal to the first
 * value until the second one.
 */
export class MovingAverage {
  #value: number | undefined

  get value(): number | undefined {
    return this.#value
  }

  add(value: number): void {
    const before = this.#value ?? value
    this.#value = before + (value - before) * WEIGHT
  }
}
