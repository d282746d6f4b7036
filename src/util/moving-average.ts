/** The latest value's share. */
const WEIGHT = 0.2

/** A moving average, of the one value while there is one, `undefined` before. */
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
