import type { Pooled } from './types.js'

/** The greatest delay of a timer. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** Tells which containers are too old to be leased again: see `retireAfterMs` of {@link Pooled}. */
export class Retirement<T extends Pooled> {
  readonly #onOld: (container: T) => void
  readonly #old = new WeakSet<T>()

  constructor(onOld: (container: T) => void) {
    this.#onOld = onOld
  }

  /** Begins to count the age of a container. */
  plan(container: T): void {
    const { retireAfterMs } = container
    if (retireAfterMs === undefined) return
    const retire = () => {
      this.#old.add(container)
      this.#onOld(container)
    }
    const timer = setTimeout(retire, Math.min(retireAfterMs, MAX_DELAY_MS)).unref()
    void container.exited.then(() => clearTimeout(timer))
  }

  isOld(container: T): boolean {
    return this.#old.has(container)
  }
}
