import * as v from 'valibot'
import { examine } from './doctor/examine.js'
import type { LanguageReport } from './doctor/report.js'
import { check } from './schemas/check.js'
import type { Isolation } from './schemas/isolation.js'
import { isBelow, ISOLATION_LEVELS } from './schemas/isolation.js'
import type { LanguagePlan } from './config/settings.js'
import type { Engine } from './engine/engine.js'
import { SandboxError } from './errors.js'
import type { Language } from './languages/built-in.js'
import type { SharedParts } from './language-pool.js'
import { LanguagePool } from './language-pool.js'
import { deferred } from './util/deferred.js'

/** The options of `SandboxPool.doctor()`. */
export interface DoctorOptions {
  /**
   * Trials that send packets. `network` launches a second container of each language that has an
   * interface, and sends from one to the other, and to no other address.
   *
   * @default []
   */
  trials?: readonly 'network'[] | undefined
}

const Options = v.strictObject({ trials: v.optional(v.array(v.picklist(['network']))) })

/** The report of `SandboxPool.doctor()`. */
export interface DoctorReport {
  /** The least isolation of all languages. */
  isolation: Isolation
  /** The report of each language, by its name. */
  languages: Record<string, LanguageReport>
}

/** Longer than the agent of a new container may take, so that the error tells why a launch failed. */
const LAUNCH_MS = 45_000

/** Examines a container of each language of a pool. The containers are not those of the pool. */
export class PoolDoctor {
  readonly #engine: Engine
  readonly #parts: SharedParts
  readonly #pools = new Set<LanguagePool>()
  #examinations = 0

  constructor(engine: Engine, parts: SharedParts) {
    this.#engine = engine
    this.#parts = parts
  }

  /** Launches a container of each language as the pool would, examines it, and removes it. */
  async examine(options: DoctorOptions = {}): Promise<DoctorReport> {
    const { trials = [] } = check(Options, options, 'doctor')
    const { languages } = this.#parts.settings
    const entries = [...languages].map(
      async ([language, plan]) =>
        [language, await this.#examineOne(language, plan, trials)] as const,
    )
    const reports = await Promise.all(entries)
    const levels = new Set(reports.map(([, { isolation }]) => isolation))
    return {
      isolation: ISOLATION_LEVELS.find((level) => levels.has(level)) ?? 'none',
      languages: Object.fromEntries(reports),
    }
  }

  /** @throws SandboxError `SANDBOX_ISOLATION_WEAK` with the failed lines if the isolation is below the floor. */
  async require(floor: Isolation): Promise<void> {
    const { isolation, languages } = await this.examine()
    if (!isBelow(isolation, floor)) return
    const lines = Object.entries(languages).flatMap(([language, report]) =>
      isBelow(report.isolation, floor) ? failuresOf(language, report) : [],
    )
    throw new SandboxError(
      'SANDBOX_ISOLATION_WEAK',
      `the isolation is ${isolation}, and minIsolation is ${floor}: ${lines.join('; ')}`,
      { suggestion: 'Run `npx hono-sandbox doctor` to see each line with its advice' },
    )
  }

  isLaunching(name: string): boolean {
    return [...this.#pools].some((pool) => pool.isLaunching(name))
  }

  /** Ends the examinations. Their containers are removed. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => pool.close({ deadlineMs: 0 })))
  }

  async #examineOne(
    language: Language,
    plan: LanguagePlan,
    trials: readonly 'network'[],
  ): Promise<LanguageReport> {
    const { settings, owner } = this.#parts
    // A pool would retry a failed launch until the caller's time is over.
    const failed = deferred<never>()
    failed.promise.catch(() => {})
    const pool = new LanguagePool(
      [language, { ...plan, size: 0, max: 2, maxSessions: 0 }],
      {
        ...this.#parts,
        settings: { ...settings, maxWaiting: 1, maxPerTenant: undefined },
        // A name of a container is never used twice.
        owner: `${owner}-doctor${++this.#examinations}`,
      },
      (event) => {
        if (event.type === 'launchFailed') failed.reject(event.error)
      },
    )
    this.#pools.add(pool)
    try {
      const lease = () => Promise.race([pool.acquire({ timeoutMs: LAUNCH_MS }), failed.promise])
      const sandbox = await lease()
      const { limits, env, agentName: agent } = plan
      const { image } = pool.stats()
      const { userIds } = settings
      const variables = Object.keys(env)
      const asked = { limits, runtime: sandbox.runtime, variables, userIds }
      const leasePeer = trials.includes('network') ? lease : undefined
      return await examine(this.#engine, { sandbox, leasePeer, agent, image, asked })
    } finally {
      await pool.close({ deadlineMs: 0 })
      this.#pools.delete(pool)
    }
  }
}

/** Returns the lines that explain why a report is below its floor. */
function failuresOf(language: string, { findings, runtime }: LanguageReport): string[] {
  const failed = findings.filter(({ grade }) => grade === 'weak' || grade === 'broken')
  if (failed.length === 0) return [`${language}: ${runtime} shares the kernel of the host`]
  return failed.map(({ name, grade, found }) => `${language}: ${name} is ${grade}: ${found}`)
}
