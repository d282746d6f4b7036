import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from './agent/channel.js'
import { createDockerEngine } from './engine/docker/docker-engine.js'
import type { Engine } from './engine/engine.js'
import { within } from './util/deadline.js'
import type { SandboxErrorCode } from './errors.js'
import { SandboxError } from './errors.js'
import { FailureWarnings } from './pool/failure-warnings.js'
import type { BuiltInLanguage, Language } from './languages/built-in.js'
import { Launcher } from './launcher.js'
import { AcquireCall, CloseCall, LanguageSettings } from './schemas/pool.js'
import { check } from './schemas/check.js'
import type { AcquireOptions, PoolEvent, PoolStats, StartReport } from './pool/types.js'
import { LaunchLimit } from './pool/launch-limit.js'
import { LAST_REMOVALS_MS, Pool } from './pool/pool.js'
import { Sandbox } from './sandbox/sandbox.js'
import type { SandboxPoolOptions } from './config/pool-options.js'
import type { Settings } from './config/settings.js'
import { readSettings } from './config/settings.js'
import { Sweeper } from './engine/sweeper.js'
import type { SizeBounds } from './pool/warm-size.js'
import { boundsOf, defaultMax } from './pool/warm-size.js'

/** One language of a pool at one moment. */
export interface LanguageStats extends PoolStats {
  /** `undefined` until the engine has answered once. */
  runtime: string | undefined
  image: string
}

/** Something about each language of a pool, by its name. */
type OfLanguages<T> = Partial<Record<BuiltInLanguage, T>> & Record<string, T>

/** How far each language came at the start. */
export type StartReports = OfLanguages<StartReport>

/** Something that happened in a pool. */
export type SandboxPoolEvent = PoolEvent & { language: Language }

/** The events by name: `launched`, `launchFailed`, `acquired`, `ended`, `crashed`, `removed`, ... */
export type SandboxPoolEvents = {
  [Type in PoolEvent['type']]: [event: Extract<SandboxPoolEvent, { type: Type }>]
}

/** Longer than a short run takes, and nothing beside a launch. */
const LAUNCH_DELAY_MS = 15

/** Why a start fails for good: the next try would find the same. An image may still be pulled. */
const ENDS_THE_START: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
])

/**
 * Warm containers of every language, ready before the first request. One a server; `initSandboxes`
 * keeps it for you.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * console.log(await pool.start())
 * await pool.close()
 * ```
 */
export class SandboxPool extends EventEmitter<SandboxPoolEvents> implements AsyncDisposable {
  readonly #settings: Settings
  readonly #engine: Engine
  readonly #closeEngine: () => void
  readonly #launchLimit: LaunchLimit
  readonly #launcher: Launcher
  readonly #pools = new Map<Language, Pool<Channel>>()
  readonly #sweeper: Sweeper
  readonly #warnings = new FailureWarnings()
  #isStarting = false
  #closed: Promise<void> | undefined

  /** @throws SandboxError `SANDBOX_INVALID_OPTION`, also for a `SANDBOX_*` variable. */
  constructor(options: SandboxPoolOptions = {}) {
    super()
    this.#settings = readSettings(options)
    this.#engine = options.engine ?? createDockerEngine()
    // One that was given may serve another pool.
    this.#closeEngine = options.engine ? () => {} : () => this.#engine.close()
    // Ends every name and is the owner's label: two servers on one engine do not meet.
    const owner = randomBytes(4).toString('hex')
    this.#launcher = new Launcher(this.#engine, this.#settings, owner)
    this.#sweeper = new Sweeper(() =>
      this.#engine.sweep({ owner, isLaunching: (name) => this.#isLaunching(name) }),
    )
    this.#launchLimit = new LaunchLimit(this.#settings.launchConcurrency)
    for (const [language, { size, max }] of this.#settings.languages) {
      const pool = new Pool({
        language,
        size,
        max,
        maxWaiting: this.#settings.maxWaiting,
        leaseTtlMs: this.#settings.leaseTtlMs,
        suffix: owner,
        launch: (name, signal) => this.#launch(language, name, signal),
        onEvent: (event) => this.#take(language, event),
      })
      this.#pools.set(language, pool)
    }
  }

  /**
   * Fills the pool. A container that fails is in the report, with its cause, and is tried again in
   * the background. Resolves after `startTimeoutMs` at the latest: a container that is not up by then
   * is in the report with `SANDBOX_WAIT_TIMEOUT`, and its launch goes on.
   *
   * @throws SandboxError `SANDBOX_RUNTIME_MISSING` where the runtime asked for is not there, or where
   * `NODE_ENV` is `production` and neither gVisor nor an explicit choice is. `SANDBOX_PRELOAD_FAILED`
   * where no container of a language could import what it is to preload, and
   * `SANDBOX_INTERPRETER_MISSING` where its image has no program for its code: the pool is closed then.
   */
  async start(): Promise<StartReports> {
    this.#isStarting = true
    try {
      return await this.#start(performance.now() + this.#settings.startTimeoutMs)
    } finally {
      this.#isStarting = false
    }
  }

  async #start(deadline: number): Promise<StartReports> {
    const leftMs = () => Math.max(0, deadline - performance.now())
    await within(leftMs(), this.#launcher.chooseRuntime()).catch((error: unknown) => {
      if (error instanceof SandboxError && error.code === 'SANDBOX_RUNTIME_MISSING') throw error
      // Any other error comes back from each launch, with its place in the report.
    })
    this.#sweeper.start()
    const starts = [...this.#pools].map(
      async ([language, pool]) => [language, await pool.start(leftMs())] as const,
    )
    const reports = await Promise.all(starts)
    const failures = reports.flatMap(([, { ready, errors }]) => (ready > 0 ? [] : errors))
    const lasting = failures.find(({ code }) => ENDS_THE_START.has(code))
    if (lasting) {
      await this.close({ deadlineMs: 0 })
      throw lasting
    }
    for (const [language, report] of reports) this.#warnOfEmpty(language, report)
    return Object.fromEntries(reports)
  }

  /**
   * Leases a container of the language.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_LANGUAGE`, `SANDBOX_QUEUE_FULL`, `SANDBOX_ACQUIRE_TIMEOUT`,
   * `SANDBOX_ACQUIRE_ABORTED`, `SANDBOX_CLOSED`; or why there can be none.
   */
  async acquire(language: Language, options: AcquireOptions = {}): Promise<Sandbox> {
    const pool = this.#poolOf(language)
    const lease = await pool.acquire(check(AcquireCall, options, 'acquire'))
    const runtime = this.#launcher.runtime ?? 'unknown'
    const { commands, maxPrograms } = this.#settings.languages.get(language) ?? {}
    return new Sandbox(lease, { language, runtime, commands, maxPrograms })
  }

  /** Every language as it stands. */
  stats(): OfLanguages<LanguageStats> {
    const runtime = this.#launcher.runtime
    return Object.fromEntries(
      [...this.#pools].map(([language, pool]) => [
        language,
        { ...pool.stats(), runtime, image: this.#launcher.imageOf(language) },
      ]),
    )
  }

  /** Whether `close()` was called: there are no new leases. */
  get isClosing(): boolean {
    return this.#closed !== undefined
  }

  /** Whether a container of this name can serve: for people, not for requests. */
  isRunning(name: string): boolean {
    return [...this.#pools.values()].some((pool) => pool.isRunning(name))
  }

  /**
   * Changes how many containers of a language are kept warm, and the cap. A number fixes the size;
   * with bounds the pool sizes itself between them, from where it is.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_LANGUAGE`, `SANDBOX_INVALID_OPTION`.
   */
  resize(language: Language, size: number | SizeBounds, max = defaultMax(size)): void {
    check(LanguageSettings, { size, max }, 'resize')
    const { max: largest } = boundsOf(size)
    if (max < largest) {
      const message = `resize: max is ${max}, expected at least the size ${largest}`
      throw new SandboxError('SANDBOX_INVALID_OPTION', message)
    }
    this.#poolOf(language).resize(size, max)
  }

  /**
   * Refuses new callers, waits up to `deadlineMs` (10 seconds by default) for leases to end, removes
   * every container. Resolves about a second after the deadline at the latest: a container that the
   * engine has not confirmed to be gone by then is told as `removeFailed`. Idempotent.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION`.
   */
  async close(options: { deadlineMs?: number } = {}): Promise<void> {
    const { deadlineMs = 10_000 } = check(CloseCall, options, 'close')
    this.#closed ??= this.#close(deadlineMs)
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs + LAST_REMOVALS_MS
    const closing = [...this.#pools.values()].map((pool) => pool.close({ deadlineMs }))
    this.#launchLimit.drop()
    await Promise.all(closing)
    // A launch whose answer was lost may have left a container that no later sweep of ours finds.
    await this.#sweeper.stop(deadline - performance.now())
    this.#closeEngine()
  }

  /** Emits an event, and looks after failures: what they leave behind, and that somebody hears. */
  #take(language: Language, event: PoolEvent): void {
    const isHeard = this.#emit(language, event)
    if (event.type === 'launchFailed' || event.type === 'removeFailed') {
      this.#sweeper.failed()
      // What fails during the start is in its report.
      if (isHeard || this.#isStarting) return
    }
    this.#warnings.handle(language, event)
  }

  /** A server that comes up without a single sandbox must not be silent about it. */
  #warnOfEmpty(language: Language, { ready, errors: [error] }: StartReport): void {
    const isHeard = this.listenerCount('launchFailed') > 0
    if (ready > 0 || !error || isHeard || this.isClosing) return
    this.#warnings.startedEmpty(language, error)
  }

  #isLaunching(name: string): boolean {
    return [...this.#pools.values()].some((pool) => pool.isLaunching(name))
  }

  /** A case each, so that a listener's event has the type of its name. */
  #emit(language: Language, event: PoolEvent): boolean {
    switch (event.type) {
      case 'launched':
        return this.emit(event.type, { ...event, language })
      case 'launchFailed':
        return this.emit(event.type, { ...event, language })
      case 'acquired':
        return this.emit(event.type, { ...event, language })
      case 'ended':
        return this.emit(event.type, { ...event, language })
      case 'crashed':
        return this.emit(event.type, { ...event, language })
      case 'removed':
        return this.emit(event.type, { ...event, language })
      case 'removeFailed':
        return this.emit(event.type, { ...event, language })
    }
  }

  async #launch(language: Language, name: string, signal: AbortSignal): Promise<Channel> {
    // A launch takes a processor for a while. A lease that has just begun is mostly for one run, which
    // goes first; if callers wait, the launch is what they wait for.
    const { leased, waiting } = this.#poolOf(language).stats()
    if (leased > 0 && waiting === 0) await sleep(LAUNCH_DELAY_MS)
    signal.throwIfAborted()
    return this.#launchLimit.run(signal, () => this.#launcher.launch(language, name, signal))
  }

  #poolOf(language: Language): Pool<Channel> {
    const pool = this.#pools.get(language)
    if (pool) return pool
    throw new SandboxError(
      'SANDBOX_UNKNOWN_LANGUAGE',
      `there is no sandbox for this language, only for ${[...this.#pools.keys()].join(', ')}`,
    )
  }
}
