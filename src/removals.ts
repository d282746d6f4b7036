import type { Pooled, PoolEvent } from './pool-types.js'
import { asSandboxError } from './refusals.js'

interface RemovalsOptions {
  onEvent: (event: PoolEvent) => void
  /** After each removal, also one that failed. */
  onSettled: () => void
}

/** Containers on their way out. Each counts until its removal has settled. */
export class Removals {
  readonly #options: RemovalsOptions
  readonly #running = new Set<Promise<void>>()

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#running.size
  }

  begin(container: Pooled): void {
    const removing = this.#remove(container).finally(() => {
      this.#running.delete(removing)
      this.#options.onSettled()
    })
    this.#running.add(removing)
  }

  /** Settles when those that are under way have. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #remove(container: Pooled): Promise<void> {
    const { name } = container
    try {
      await container.remove()
      this.#options.onEvent({ type: 'removed', name })
    } catch (error) {
      // Its stream is closed, so its agent exits; the place must not be lost for ever.
      this.#options.onEvent({ type: 'removeFailed', name, error: asSandboxError(error, name) })
    }
  }
}
