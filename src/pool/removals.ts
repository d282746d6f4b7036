import { MovingAverage } from '../util/moving-average.js'
import type { Pooled, PoolEvent } from './types.js'
import { asSandboxError, removalUnconfirmed } from './container-errors.js'

/**
 * The time in milliseconds that `close()` waits for launches and removals after the last lease has
 * ended, if the deadline leaves less.
 */
export const LAST_REMOVALS_MS = 1000

interface RemovalsOptions {
  onEvent: (event: PoolEvent) => void
  /** Called after each removal, also after a failed removal. */
  onSettled: () => void
}

/** The removals that are running. Each container counts until its removal has settled. */
export class Removals {
  readonly #options: RemovalsOptions
  /** The average duration of a removal in milliseconds, including failed removals. */
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

  /** Resolves when all removals that are running now have settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /**
   * Reports each running removal, and each container in `others`, as a failed removal, because the
   * pool no longer waits for it. The removals continue: a later success is reported, a later
   * failure is not reported a second time.
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
      // A failed removal frees the place of the container, too: its stream is closed, so its agent
      // exits. After giveUp() the failure has already been reported.
      if (this.#isGivenUp) return
      this.#options.onEvent({
        type: 'removeFailed',
        name,
        error: asSandboxError(error, `the removal of ${name}`),
      })
    }
  }
}
