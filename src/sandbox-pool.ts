import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createDockerEngine } from './engine/docker/docker-engine.js'
import type { Engine } from './engine/engine.js'
import { SandboxError } from './errors.js'
import { FailureWarnings } from './pool/failure-warnings.js'
import type { Language } from './languages/built-in.js'
import { Launcher } from './launcher.js'
import type { LanguageStats } from './language-pool.js'
import type { DoctorOptions, DoctorReport } from './pool-doctor.js'
import { PoolDoctor } from './pool-doctor.js'
import { LanguagePool } from './language-pool.js'
import type { SandboxPoolEvent, SandboxPoolEvents } from './pool-events.js'
import { emitEvent } from './pool-events.js'
import {
  AcquireCall,
  CloseCall,
  LanguageSettings,
  SessionCall,
  SessionChoice,
  SessionId,
} from './schemas/pool.js'
import { check } from './schemas/check.js'
import type { OfLanguages, StartReports } from './pool-start.js'
import { PoolStart } from './pool-start.js'
import type { PoolEvent } from './pool/types.js'
import { LaunchLimit } from './pool/launch-limit.js'
import { LAST_REMOVALS_MS } from './pool/removals.js'
import type { AcquireSandboxOptions } from './sandbox/about.js'
import type { ProgramEnded } from './sandbox/program/program-ended.js'
import type { Sandbox } from './sandbox/sandbox.js'
import type { SessionFilter, SessionInfo, SessionOptions } from './sessions/types.js'
import type { SandboxPoolOptions } from './config/pool-options.js'
import { readSettings } from './config/settings.js'
import { Sweeper } from './engine/sweeper.js'
import type { SizeBounds } from './pool/warm-size.js'
import { boundsOf, defaultMax } from './pool/warm-size.js'

export type { LanguageStats } from './language-pool.js'
export type { SandboxPoolEvent, SandboxPoolEvents } from './pool-events.js'
export type { WarmMemory } from './launcher.js'
export type { LanguageStart, StartReports } from './pool-start.js'

/**
 * The warm containers of all languages, which are ready before the first request. A server needs
 * one pool: `initSandboxes()` creates and keeps it. Use this class for further pools.
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
  readonly #engine: Engine
  readonly #closeEngine: () => void
  readonly #launchLimit: LaunchLimit
  readonly #launcher: Launcher
  readonly #pools = new Map<Language, LanguagePool>()
  readonly #sweeper: Sweeper
  readonly #doctor: PoolDoctor
  readonly #warnings = new FailureWarnings()
  readonly #start: PoolStart
  #isStarting = false
  #closed: Promise<void> | undefined

  /**
   * Creates a pool without containers. `start()` launches them.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option or a `SANDBOX_*` variable is not
   * valid.
   */
  constructor(options: SandboxPoolOptions = {}) {
    super()
    const settings = readSettings(options)
    this.#engine = options.engine ?? createDockerEngine()
    // An engine from the options is not closed, because another pool may use it.
    this.#closeEngine = options.engine ? () => {} : () => this.#engine.close()
    // The owner is the end of every container name and a label of every container. It is random, so
    // that several servers can share one engine.
    const owner = randomBytes(4).toString('hex')
    this.#launcher = new Launcher(this.#engine, settings, owner)
    this.#sweeper = new Sweeper(() =>
      this.#engine.sweep({ owner, isLaunching: (name) => this.#isLaunching(name) }),
    )
    this.#launchLimit = new LaunchLimit(settings.launchConcurrency)
    const parts = { settings, launcher: this.#launcher, launchLimit: this.#launchLimit, owner }
    this.#doctor = new PoolDoctor(this.#engine, parts)
    for (const [language, plan] of settings.languages) {
      const onEvent = (event: PoolEvent | ProgramEnded) => this.#onEvent({ ...event, language })
      this.#pools.set(language, new LanguagePool([language, plan], parts, onEvent))
    }
    this.#start = new PoolStart({
      settings,
      launcher: this.#launcher,
      doctor: this.#doctor,
      sweeper: this.#sweeper,
      pools: this.#pools,
      close: () => this.close({ deadlineMs: 0 }),
      onEmpty: (language, error) => this.#warnOfEmpty(language, error),
    })
  }

  /**
   * Launches the warm containers. Resolves when all launches have settled, or after
   * `startTimeoutMs`, with a report for each language. The report has an error for each failed
   * launch, and the error `SANDBOX_WAIT_TIMEOUT` for each container that is not ready in time. The
   * pool retries failed launches in the background, and slow launches continue. If a warm container
   * leaves less than half of its memory to programs, the process emits a warning.
   *
   * @throws SandboxError `SANDBOX_RUNTIME_MISSING` if the engine does not have the chosen runtime of
   * a language. It is also thrown if `NODE_ENV` is `production`, the engine does not have gVisor and
   * no runtime is chosen.
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if a language has a seccomp profile and runs under
   * gVisor, whose kernel ignores it.
   * @throws SandboxError `SANDBOX_PRELOAD_FAILED` if no container of a language is ready and a
   * module could not be imported, `SANDBOX_INTERPRETER_MISSING` if the image does not have the
   * interpreter. The pool is closed before one of these two is thrown.
   * @throws SandboxError `SANDBOX_ISOLATION_WEAK` if the isolation is less than `minIsolation`. If the
   * isolation cannot be examined, the error of `doctor()` is thrown. The pool is closed before.
   */
  async start(): Promise<StartReports> {
    this.#isStarting = true
    try {
      return await this.#start.run()
    } finally {
      this.#isStarting = false
    }
  }

  /**
   * Leases a container of the language, and waits in the queue if none is idle. The caller must end
   * the lease with `release()` of the sandbox.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_LANGUAGE`, `SANDBOX_QUEUE_FULL`,
   * `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_TENANT_LIMIT`, `SANDBOX_ACQUIRE_ABORTED`, `SANDBOX_CLOSED`.
   * If the pool has no container and launches fail, it throws the code of the latest launch failure.
   */
  async acquire(language: Language, options: AcquireSandboxOptions = {}): Promise<Sandbox> {
    const pool = this.#poolOf(language)
    return pool.acquire(check(AcquireCall, options, 'acquire'))
  }

  /**
   * Returns the sandbox of the session with this id, and opens the session if there is none. All
   * callers with the same id, language and tenant get the same container, one after the other or at
   * the same time. `release()` ends the use by this caller, not the session. The middleware calls
   * this for its option `session`.
   *
   * @throws SandboxError the codes of `acquire()`; `SANDBOX_TOO_MANY_SESSIONS` if all places for
   * sessions are in use; `SANDBOX_TENANT_LIMIT` if the tenant has too many sessions;
   * `SANDBOX_UNKNOWN_SESSION` with `sessionMustExist`.
   */
  async session(language: Language, id: string, options: SessionOptions = {}): Promise<Sandbox> {
    const pool = this.#poolOf(language)
    const checkedId = check(SessionId, id, 'session: id')
    return pool.session(checkedId, check(SessionCall, options, 'session'))
  }

  /** Returns the sessions of all languages. */
  listSessions(): SessionInfo[] {
    return [...this.#pools.values()].flatMap((pool) => pool.listSessions())
  }

  /**
   * Ends the sessions with this id, with their requests and programs. A session that opens at the moment
   * is ended when it is open. Resolves to their number when they have ended. Do not wait for it in
   * `onSessionStart` of the same session, because the session is not open before that ends.
   */
  async endSession(id: string, filter: SessionFilter = {}): Promise<number> {
    const { language, tenant } = check(SessionChoice, filter, 'endSession')
    const pools = language === undefined ? [...this.#pools.values()] : [this.#poolOf(language)]
    const counts = await Promise.all(pools.map((pool) => pool.endSession(id, { tenant })))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Returns the current state of every language. */
  stats(): OfLanguages<LanguageStats> {
    return Object.fromEntries([...this.#pools].map(([language, pool]) => [language, pool.stats()]))
  }

  /**
   * Examines how well the containers are isolated: launches a container of each language as the pool
   * would, exceeds its limits on purpose from the inside, and compares it with the answer of the
   * engine. It takes some seconds, uses a CPU, and does not touch the containers of the pool. No packet
   * leaves a container, unless the trial `network` is asked for.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION`, the error of the launch, or
   * `SANDBOX_AGENT_FAILED` if the programs of the doctor cannot run in the image.
   */
  async doctor(options?: DoctorOptions): Promise<DoctorReport> {
    if (this.isClosing) throw new SandboxError('SANDBOX_CLOSED', 'the pool is closed')
    await this.#launcher.chooseRuntimes()
    return this.#doctor.examine(options)
  }

  /** Whether `close()` was called. From then on there are no new leases. */
  get isClosing(): boolean {
    return this.#closed !== undefined
  }

  /** Returns whether a container of this name is idle or leased. It is meant for diagnostics. */
  isRunning(name: string): boolean {
    return [...this.#pools.values()].some((pool) => pool.isRunning(name))
  }

  /**
   * Changes the number of warm containers of a language, and the greatest number of its containers
   * at the same time. A number fixes the size. With bounds the pool sizes itself, beginning with
   * its current size. `max` is by default twice the size, or twice the upper bound.
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
   * Closes the pool: refuses new callers, waits up to `deadlineMs` (10 seconds by default) for the
   * leases to end, then ends the remaining leases and removes every container. Resolves at the
   * latest about one second after the deadline. If the engine has not confirmed the removal of a
   * container by then, a `removeFailed` event reports it. Further calls wait for the first one.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if `deadlineMs` is not valid.
   */
  async close(options: { deadlineMs?: number } = {}): Promise<void> {
    const { deadlineMs = 10_000 } = check(CloseCall, options, 'close')
    if (!this.#closed) {
      this.#closed = this.#close(deadlineMs)
      this.emit('closing')
    }
    await this.#closed
  }

  /** Closes the pool at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs + LAST_REMOVALS_MS
    const closing = [...this.#pools.values()].map((pool) => pool.close({ deadlineMs }))
    closing.push(this.#doctor.close())
    this.#launchLimit.drop()
    await Promise.all(closing)
    // If the answer to a launch was lost, its container still exists. This is the last sweep that
    // can remove it.
    await this.#sweeper.stop(deadline - performance.now())
    this.#closeEngine()
  }

  /**
   * Emits an event. After a failure it also starts a sweep for containers that were left behind,
   * and emits a warning of the process if the event has no listener.
   */
  #onEvent(event: SandboxPoolEvent): void {
    const hasListener = emitEvent(this, event)
    if (event.type === 'launchFailed' || event.type === 'removeFailed') {
      this.#sweeper.failed()
      // Failures during the start are in its report, so they need no warning.
      if (hasListener || this.#isStarting) return
    }
    this.#warnings.handle(event.language, event)
  }

  /** Warns that a language has no container after the start, unless `launchFailed` has a listener. */
  #warnOfEmpty(language: Language, error: SandboxError): void {
    if (this.listenerCount('launchFailed') > 0 || this.isClosing) return
    this.#warnings.startedEmpty(language, error)
  }

  #isLaunching(name: string): boolean {
    return [...this.#pools.values(), this.#doctor].some((pool) => pool.isLaunching(name))
  }

  #poolOf(language: Language): LanguagePool {
    const pool = this.#pools.get(language)
    if (pool) return pool
    const known = [...this.#pools.keys()].join(', ') || 'no language'
    throw new SandboxError(
      'SANDBOX_UNKNOWN_LANGUAGE',
      `this language is not in the pool; the pool has ${known}`,
    )
  }
}
