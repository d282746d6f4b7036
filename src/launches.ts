import type { SandboxError } from './errors.js'
import type { Names } from './names.js'
import type { Pooled, PoolOptions } from './pool-types.js'
import { asSandboxError } from './refusals.js'

interface LaunchesOptions<T extends Pooled> {
  launch: PoolOptions<T>['launch']
  names: Names
  /** Aborts the launches under way. */
  signal: AbortSignal
  onLaunched: (container: T, tookMs: number) => void
  onFailed: (name: string, error: SandboxError) => void
  /** After either of them. */
  onSettled: () => void
}

/** Launches under way. Each counts in `starting` until its container is told of, or its failure. */
export class Launches<T extends Pooled> {
  readonly #options: LaunchesOptions<T>
  readonly #running = new Set<Promise<SandboxError | undefined>>()
  #starting = 0

  constructor(options: LaunchesOptions<T>) {
    this.#options = options
  }

  get starting(): number {
    return this.#starting
  }

  /** Begins one. Gives why it failed, if it did. */
  begin(): Promise<SandboxError | undefined> {
    const launching = this.#launch().finally(() => {
      this.#running.delete(launching)
      this.#options.onSettled()
    })
    this.#running.add(launching)
    return launching
  }

  /** Settles when those that are under way have. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #launch(): Promise<SandboxError | undefined> {
    const { launch, names, signal, onLaunched, onFailed } = this.#options
    const name = names.take()
    const since = performance.now()
    this.#starting++
    try {
      const container = await launch(name, signal)
      this.#starting--
      onLaunched(container, performance.now() - since)
      return undefined
    } catch (error) {
      this.#starting--
      names.giveBack(name)
      const failure = asSandboxError(error, name)
      onFailed(name, failure)
      return failure
    }
  }
}
