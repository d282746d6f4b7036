import { MovingAverage } from '../util/moving-average.js'
import type { Pooled, PoolEvent } from './types.js'
import { asSandboxError, removalUnconfirmed } from './container-errors.js'

interface RemovalsOptions {
  onEvent: (event: PoolEvent) => void
  /** After each removal, also one that failed. */
  onSettled: () => void
}

/** Containers on their way out. Each counts until its removal has settled. */
export class Removals {
  readonly #options: RemovalsOptions
  /** How long a removal takes, also one that fails. */
  readonly tookMs = new MovingAverage()
  readonly #running = new Map<Pooled, Promise<void>>()
  #isGivenUp = false

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#running.size
  }

  begin(container: Pooled): void {
    const since = performance.now()
    const removing = this.#remove(container).finally(() => {
      this.#running.delete(container)
      this.tookMs.add(performance.now() - since)
      this.#options.onSettled()
    })
    this.#running.set(container, removing)
  }

  /** Settles when those that are under way have. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /**
   * Tells of each removal under way, and of the `others`, as one that failed: nobody waits any more.
   * They go on. A later success is told; a later failure is not told again.
   */
  giveUp(others: readonly string[]): void {
    this.#isGivenUp = true
    for (const name of [...others, ...Array.from(this.#running.keys(), ({ name }) => name)]) {
      this.#options.onEvent({ type: 'removeFailed', name, error: removalUnconfirmed(name) })
    }
  }

  async #remove(container: Pooled): Promise<void> {
    const { name } = container
    try {
      await container.remove()
      this.#options.onEvent({ type: 'removed', name })
    } catch (error) {
      // Its stream is closed, so its agent exits; the place must not be lost for ever.
      if (this.#isGivenUp) return
      this.#options.onEvent({ type: 'removeFailed', name, error: asSandboxError(error, name) })
    }
  }
}
