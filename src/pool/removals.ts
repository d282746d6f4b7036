import type { SandboxError } from '../errors.js'
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
  readonly #running = new Map<Pooled, { since: number; removing: Promise<void> }>()
  #isGivenUp = false

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#running.size
  }

  begin(container: Pooled): void {
    const since = performance.now()
    const removing = this.#remove(container, since).finally(() => {
      this.#running.delete(container)
      this.tookMs.add(performance.now() - since)
      this.#options.onSettled()
    })
    this.#running.set(container, { since, removing })
  }

  /** Resolves when all removals that are running now have settled. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#running.values(), ({ removing }) => removing))
  }

  /**
   * Reports each running removal, and each container in `others`, as a failed removal, because the
   * pool no longer waits for it. The removals continue: a later success is reported, a later
   * failure is not reported a second time.
   */
  giveUp(others: readonly string[]): void {
    this.#isGivenUp = true
    for (const name of others) this.#failed(name, 0, removalUnconfirmed(name))
    for (const [{ name }, { since }] of this.#running) {
      this.#failed(name, performance.now() - since, removalUnconfirmed(name))
    }
  }

  async #remove(container: Pooled, since: number): Promise<void> {
    const { name } = container
    try {
      await container.remove()
      this.#options.onEvent({ type: 'removed', name, tookMs: performance.now() - since })
    } catch (error) {
      // A failed removal frees the place of the container, too: its stream is closed, so its agent
      // exits. After giveUp() the failure has already been reported.
      if (this.#isGivenUp) return
      const failure = asSandboxError(error, `the removal of ${name}`)
      this.#failed(name, performance.now() - since, failure)
    }
  }

  #failed(name: string, tookMs: number, error: SandboxError): void {
    this.#options.onEvent({ type: 'removeFailed', name, tookMs, error })
  }
}
