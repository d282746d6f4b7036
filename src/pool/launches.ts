import { within } from '../util/deadline.js'
import type { SandboxError } from '../errors.js'
import { MovingAverage } from '../util/moving-average.js'
import { ContainerNames } from './container-names.js'
import type { Pooled, PoolOptions } from './types.js'
import { asSandboxError, notUpInTime } from './container-errors.js'

interface LaunchesOptions<T extends Pooled> {
  language: string
  launch: PoolOptions<T>['launch']
  /** Ends every name. */
  suffix: string
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
  /** How long a launch takes, its wait for others included. */
  readonly tookMs = new MovingAverage()
  readonly #names: ContainerNames
  readonly #running = new Map<string, Promise<SandboxError | undefined>>()
  #starting = 0

  constructor(options: LaunchesOptions<T>) {
    this.#options = options
    this.#names = new ContainerNames(options.language, options.suffix)
  }

  get starting(): number {
    return this.#starting
  }

  /** The names of the launches under way. */
  get names(): readonly string[] {
    return [...this.#running.keys()]
  }

  /** Whether the launch of this name is under way. */
  has(name: string): boolean {
    return this.#running.has(name)
  }

  /** The container of this name goes: another launch may use its slot. */
  freeSlot(name: string): void {
    this.#names.giveBack(name)
  }

  /** Begins one. Gives why it failed, if it did. */
  begin(): Promise<SandboxError | undefined> {
    const name = this.#names.take()
    const launching = this.#launch(name).finally(() => {
      this.#running.delete(name)
      this.#options.onSettled()
    })
    this.#running.set(name, launching)
    return launching
  }

  /** Begins several. Gives an error for each that failed, and for each that is not up in time. */
  async beginAll(count: number, timeoutMs: number): Promise<SandboxError[]> {
    const launches = Array.from({ length: count }, async () => {
      const launching = this.begin()
      const outcome = await within(
        timeoutMs,
        launching.then((failure) => ({ failure })),
      )
      return outcome ? outcome.failure : notUpInTime(this.#options.language)
    })
    return (await Promise.all(launches)).filter((error) => error !== undefined)
  }

  /** Settles when those that are under way have. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  async #launch(name: string): Promise<SandboxError | undefined> {
    const { launch, signal, onLaunched, onFailed } = this.#options
    const since = performance.now()
    this.#starting++
    try {
      const container = await launch(name, signal)
      this.#starting--
      const tookMs = performance.now() - since
      this.tookMs.add(tookMs)
      onLaunched(container, tookMs)
      return undefined
    } catch (error) {
      this.#starting--
      this.freeSlot(name)
      const failure = asSandboxError(error, name)
      onFailed(name, failure)
      return failure
    }
  }
}
