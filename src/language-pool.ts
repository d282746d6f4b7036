import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from './agent/channel.js'
import type { LanguagePlan, Settings } from './config/settings.js'
import type { Language } from './languages/built-in.js'
import type { Launcher } from './launcher.js'
import type { LaunchLimit } from './pool/launch-limit.js'
import { Pool } from './pool/pool.js'
import type { PoolEvent, PoolStats, StartReport } from './pool/types.js'
import type { SizeBounds } from './pool/warm-size.js'
import type { AcquireSandboxOptions, SandboxAbout } from './sandbox/about.js'
import type { ProgramEnded } from './sandbox/program/program-ended.js'
import { Sandbox } from './sandbox/sandbox.js'
import type { SessionBounds } from './sessions/places.js'
import { Sessions, sessionLimit } from './sessions/sessions.js'
import type { SessionFilter, SessionInfo, SessionOptions } from './sessions/types.js'

/** The state of one language of a `SandboxPool` at one moment. */
export interface LanguageStats extends PoolStats {
  /** The number of sessions, including those that wait for a container. */
  sessions: number
  /** The OCI runtime; `undefined` until the engine has answered once. */
  runtime: string | undefined
  /** The image of the containers. */
  image: string
}

/** The parts that the languages of a `SandboxPool` share. */
export interface SharedParts {
  settings: Settings
  launcher: Launcher
  launchLimit: LaunchLimit
  /** The end of every container name. */
  owner: string
}

/**
 * The delay of a launch in milliseconds. It is longer than a short run, and short compared with a
 * launch.
 */
const LAUNCH_DELAY_MS = 15

/** The containers, the leases and the sessions of one language. */
export class LanguagePool {
  readonly #language: Language
  readonly #plan: LanguagePlan
  readonly #parts: SharedParts
  readonly #pool: Pool<Channel>
  readonly #sessions: Sessions
  readonly #onEvent: (event: PoolEvent | ProgramEnded) => void

  constructor(
    [language, plan]: [Language, LanguagePlan],
    parts: SharedParts,
    onEvent: (event: PoolEvent | ProgramEnded) => void,
  ) {
    this.#onEvent = onEvent
    const { leaseTtlMs, maxWaiting, maxPerTenant, maxWaitingPerTenant } = parts.settings
    this.#language = language
    this.#plan = plan
    this.#parts = parts
    this.#pool = new Pool({
      language,
      size: plan.size,
      max: plan.max,
      maxWaiting,
      maxPerTenant,
      maxWaitingPerTenant,
      leaseTtlMs,
      suffix: parts.owner,
      launch: (name, signal) => this.#launch(name, signal),
      onEvent,
    })
    this.#sessions = new Sessions({
      language,
      bounds: () => this.#sessionBounds(),
      leaseTtlMs,
      // A session limits its time itself.
      acquire: (each) => this.#pool.acquire({ ...each, leaseTtlMs: Number.POSITIVE_INFINITY }),
      about: () => this.#about(),
      hooks: parts.settings.sessionHooks,
    })
  }

  /** Launches the warm containers. See `Pool.start()`. */
  async start(timeoutMs: number): Promise<StartReport> {
    return this.#pool.start(timeoutMs)
  }

  /** Leases a container. See `SandboxPool.acquire()`. */
  async acquire({ env, ...options }: AcquireSandboxOptions): Promise<Sandbox> {
    const lease = await this.#pool.acquire(options)
    const about = this.#about()
    return new Sandbox(lease, env ? { ...about, env: { ...about.env, ...env } } : about)
  }

  /** Gives a request the sandbox of a session. See `SandboxPool.session()`. */
  async session(id: string, options: SessionOptions): Promise<Sandbox> {
    return this.#sessions.visit(id, options)
  }

  listSessions(): SessionInfo[] {
    return this.#sessions.list()
  }

  async endSession(id: string, filter: SessionFilter): Promise<number> {
    return this.#sessions.end(id, filter)
  }

  stats(): LanguageStats {
    const { launcher } = this.#parts
    return {
      ...this.#pool.stats(),
      sessions: this.#sessions.size,
      runtime: launcher.runtimeOf(this.#language),
      image: launcher.imageOf(this.#language),
    }
  }

  isRunning(name: string): boolean {
    return this.#pool.isRunning(name)
  }

  isLaunching(name: string): boolean {
    return this.#pool.isLaunching(name)
  }

  resize(size: number | SizeBounds, max: number): void {
    this.#pool.resize(size, max)
  }

  /** Ends the sessions as soon as their requests are over, and closes the pool. */
  async close(options: { deadlineMs: number }): Promise<void> {
    await Promise.all([this.#sessions.close(options), this.#pool.close(options)])
  }

  #about(): SandboxAbout {
    const runtime = this.#parts.launcher.runtimeOf(this.#language) ?? 'unknown'
    const { commands, maxPrograms, env } = this.#plan
    // In a microtask, as the events of the pool: an error of a listener must not reach the program.
    const onProgramEnded = (event: ProgramEnded) => queueMicrotask(() => this.#onEvent(event))
    return { language: this.#language, runtime, commands, maxPrograms, env, onProgramEnded }
  }

  #sessionBounds(): SessionBounds {
    const { maxPerTenant = Infinity, evictIdle, maxWaiting } = this.#parts.settings
    // A session is a lease of its tenant. A session beyond this bound would wait in vain for the end
    // of another one.
    const maxSessionsPerTenant = Math.min(this.#parts.settings.maxSessionsPerTenant, maxPerTenant)
    const maxSessions = sessionLimit(this.#pool.stats().max, this.#plan.maxSessions)
    return { maxSessions, maxSessionsPerTenant, evictIdle, maxWaiting }
  }

  async #launch(name: string, signal: AbortSignal): Promise<Channel> {
    // A launch uses a CPU for some time. A lease that has just begun usually has one short run, so
    // the delay lets this run go first. If callers wait in the queue, the launch begins without a
    // delay.
    const { leased, waiting } = this.#pool.stats()
    if (leased > 0 && waiting === 0) await sleep(LAUNCH_DELAY_MS)
    signal.throwIfAborted()
    const { launcher, launchLimit } = this.#parts
    return launchLimit.run(signal, () => launcher.launch(this.#language, name, signal))
  }
}
