import type { Settings } from './config/settings.js'
import type { Sweeper } from './engine/sweeper.js'
import type { SandboxErrorCode } from './errors.js'
import { SandboxError } from './errors.js'
import type { LanguagePool } from './language-pool.js'
import type { BuiltInLanguage, Language } from './languages/built-in.js'
import type { Launcher, WarmMemory } from './launcher.js'
import type { PoolDoctor } from './pool-doctor.js'
import type { StartReport } from './pool/types.js'
import { within } from './util/deadline.js'

/** A value for each language of a pool, by the name of the language. */
export type OfLanguages<T> = Partial<Record<BuiltInLanguage, T>> & Record<string, T>

/** The result of the start of one language of a `SandboxPool`. */
export interface LanguageStart extends StartReport {
  /**
   * The memory of a container. It is `undefined` if no container is ready, or if the engine cannot
   * measure it.
   */
  memory: WarmMemory | undefined
}

/** The results of `start()`, by the name of the language. */
export type StartReports = OfLanguages<LanguageStart>

/** The errors of the choice of runtimes that end the start: the operator must change something. */
const FATAL_CHOICES: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_INVALID_OPTION',
  'SANDBOX_RUNTIME_MISSING',
])

/**
 * The errors that end the start, because a retry would fail in the same way. A missing image is not
 * one of them, because it can be pulled later.
 */
const FATAL_AT_START: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
])

interface StartParts {
  settings: Settings
  launcher: Launcher
  doctor: PoolDoctor
  sweeper: Sweeper
  pools: ReadonlyMap<Language, LanguagePool>
  /** Closes the pool after an error that a retry would repeat. */
  close: () => Promise<void>
  /** Called if a language has no container after the start. */
  onEmpty: (language: Language, error: SandboxError) => void
}

/** The start of a `SandboxPool`: it launches the warm containers and reports on each language. */
export class PoolStart {
  readonly #parts: StartParts

  constructor(parts: StartParts) {
    this.#parts = parts
  }

  /** See `SandboxPool.start()`. */
  async run(): Promise<StartReports> {
    await this.#requireIsolation()
    const { settings, launcher, sweeper, pools, close, onEmpty } = this.#parts
    const deadline = performance.now() + settings.startTimeoutMs
    const leftMs = () => Math.max(0, deadline - performance.now())
    await within(leftMs(), launcher.chooseRuntimes()).catch((error: unknown) => {
      if (error instanceof SandboxError && FATAL_CHOICES.has(error.code)) throw error
      // The error is ignored here: every launch fails with the same error, and the report has that
      // error.
    })
    sweeper.start()
    const starts = [...pools].map(
      async ([language, pool]) => [language, await pool.start(leftMs())] as const,
    )
    const reports = await Promise.all(starts)
    const failures = reports.flatMap(([, { ready, errors }]) => (ready > 0 ? [] : errors))
    const fatal = failures.find(({ code }) => FATAL_AT_START.has(code))
    if (fatal) {
      await close()
      throw fatal
    }
    for (const [language, { ready, errors }] of reports) {
      if (ready === 0 && errors[0]) onEmpty(language, errors[0])
    }
    const measured = reports.map(async ([language, report]) => {
      const memory = await within(leftMs(), launcher.memoryOf(language))
      return [language, { ...report, memory }] as const
    })
    return Object.fromEntries(await Promise.all(measured))
  }

  async #requireIsolation(): Promise<void> {
    const { settings, launcher, doctor, close } = this.#parts
    if (settings.minIsolation === undefined) return
    try {
      await launcher.chooseRuntimes()
      await doctor.require(settings.minIsolation)
    } catch (error) {
      await close()
      throw error
    }
  }
}
