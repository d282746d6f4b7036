import { AsyncResource } from 'node:async_hooks'
import { within } from '../util/deadline.js'
import type { SandboxError } from '../errors.js'
import { MovingAverage } from '../util/moving-average.js'
import { ContainerNames } from './container-names.js'
import type { Pooled, PoolOptions } from './types.js'
import { asSandboxError, notReadyInTime } from './container-errors.js'

interface LaunchesOptions<T extends Pooled> {
  language: string
  launch: PoolOptions<T>['launch']
  /** The end of every container name. */
  suffix: string
  /** Aborts the launches that are running. */
  signal: AbortSignal
  /** `cause` is the async context in which the launch was begun, for the event. */
  onLaunched: (container: T, tookMs: number, cause: AsyncResource) => void
  onFailed: (name: string, tookMs: number, error: SandboxError, cause: AsyncResource) => void
  /** Called after `onLaunched` or `onFailed`. */
  onSettled: () => void
}

/**
 * The launches that are running. Each launch counts in `starting` until immediately before
 * `onLaunched` or `onFailed` is called.
 */
export class Launches<T extends Pooled> {
  readonly #options: LaunchesOptions<T>
  /** The average duration of a launch in milliseconds, including the wait for other launches. */
  readonly tookMs = new MovingAverage()
  readonly #names: ContainerNames
  readonly #running = new Map<string, Promise<SandboxError | undefined>>()
  /**
   * The async context of all launches: that in which the pool was created. In the context of the request
   * that takes a container, the next container would keep that request in memory, which keeps its own
   * container, and so on without end.
   */
  readonly #context = new AsyncResource('SandboxLaunches')
  #starting = 0

  constructor(options: LaunchesOptions<T>) {
    this.#options = options
    this.#names = new ContainerNames(options.language, options.suffix)
  }

  get starting(): number {
    return this.#starting
  }

  /** The container names of the running launches. */
  get names(): readonly string[] {
    return [...this.#running.keys()]
  }

  /** Returns whether the launch of this container is running. */
  has(name: string): boolean {
    return this.#running.has(name)
  }

  /** Frees the slot of a container when its removal begins, so that another launch can use it. */
  freeSlot(name: string): void {
    this.#names.release(name)
  }

  /** Begins a launch. Resolves with its error, or with `undefined` if it succeeds. */
  begin(): Promise<SandboxError | undefined> {
    const name = this.#names.take()
    const cause = new AsyncResource('SandboxLaunch')
    const launching = this.#context.runInAsyncScope(() =>
      this.#launch(name, cause).finally(() => {
        this.#running.delete(name)
        this.#options.onSettled()
      }),
    )
    this.#running.set(name, launching)
    return launching
  }

  /**
   * Begins several launches. Resolves with an error for each launch that failed or was not ready in
   * time.
   */
  async beginAll(count: number, timeoutMs: number): Promise<SandboxError[]> {
    const launches = Array.from({ length: count }, async () => {
      const launching = this.begin()
      const outcome = await within(
        timeoutMs,
        launching.then((failure) => ({ failure })),
      )
      return outcome ? outcome.failure : notReadyInTime(this.#options.language)
    })
    return (await Promise.all(launches)).filter((error) => error !== undefined)
  }

  /** Resolves when all launches that are running now have settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  async #launch(name: string, cause: AsyncResource): Promise<SandboxError | undefined> {
    const { launch, signal, onLaunched, onFailed } = this.#options
    const since = performance.now()
    this.#starting++
    try {
      const container = await launch(name, signal)
      this.#starting--
      const tookMs = performance.now() - since
      this.tookMs.add(tookMs)
      onLaunched(container, tookMs, cause)
      return undefined
    } catch (error) {
      this.#starting--
      this.freeSlot(name)
      const failure = asSandboxError(error, `the launch of ${name}`)
      onFailed(name, performance.now() - since, failure, cause)
      return failure
    }
  }
}
