import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { AgentBundle } from '../agent/bundle.js'
import type { AgentConfig } from '../agent/protocol.js'
import { parseBytes } from './byte-size.js'
import type { ContainerLimits, LaunchSpec } from '../engine/engine.js'
import { readEnvironment } from './environment.js'
import type { SandboxEnvironment } from './environment.js'
import { SandboxError } from '../errors.js'
import type { DefinedLanguage, LanguageCommands } from '../languages/define.js'
import type { Language } from '../languages/built-in.js'
import { AGENTS, isBuiltIn, LANGUAGES } from '../languages/built-in.js'
import { check } from '../schemas/check.js'
import type { AgentManifest, LanguageManifest } from '../languages/manifest.js'
import type { LanguageOptions, PoolLanguages, SandboxPoolOptions } from './pool-options.js'
import { PoolSettings } from './pool-schema.js'
import type { SizeBounds } from '../pool/warm-size.js'
import { boundsOf, defaultMax } from '../pool/warm-size.js'

/** One language as a pool keeps it. */
export interface LanguagePlan {
  size: number | SizeBounds
  max: number
  /** Images that will do, best first. */
  images: readonly string[]
  /** The agent's command line, with its config, and what is sent to it first. */
  command: readonly string[]
  bundle: AgentBundle
  reaper: LaunchSpec['reaper']
  /** How many programs may run at once in a lease. */
  maxPrograms: number
  /** How its code runs, where the agent does not run it itself. */
  commands: LanguageCommands | undefined
}

/** What a pool works with: every default filled in, every value checked. */
export interface Settings {
  languages: ReadonlyMap<Language, LanguagePlan>
  runtime: string
  limits: ContainerLimits
  maxWaiting: number
  startTimeoutMs: number
  leaseTtlMs: number
  launchConcurrency: number
}

const DEFAULT_SIZE = 2

/**
 * Merges options, variables and defaults.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`
 */
export function readSettings(options: SandboxPoolOptions, env = readEnvironment()): Settings {
  const given = check(PoolSettings, options, 'SandboxPool')
  const memory = given.memory ?? env.SANDBOX_MAX_MEMORY ?? '256m'
  const memoryBytes = parseBytes(
    given.memory === undefined ? 'SANDBOX_MAX_MEMORY' : 'memory',
    memory,
  )
  const profile = given.seccompProfile ?? profileOf(env)
  const pids = given.pids ?? 128
  return {
    languages: readLanguages(
      given.languages ?? { python: {}, nodejs: {} },
      { memoryBytes, pids, maxPrograms: given.maxPrograms },
      env,
    ),
    runtime: given.runtime ?? env.SANDBOX_RUNTIME ?? 'auto',
    limits: {
      network: given.network ?? 'none',
      memoryBytes,
      cpus: given.cpus ?? 1,
      pids,
      openFiles: given.openFiles ?? 1024,
      workspaceBytes: parseBytes('workspaceSize', given.workspaceSize ?? '64m'),
      tmpBytes: parseBytes('tmpSize', given.tmpSize ?? '32m'),
      shmBytes: parseBytes('shmSize', given.shmSize ?? '16m'),
      ...(profile !== undefined && { seccompProfile: readProfile(profile) }),
    },
    maxWaiting: given.maxWaiting ?? 100,
    startTimeoutMs: given.startTimeoutMs ?? 30_000,
    leaseTtlMs: given.leaseTtlMs ?? 300_000,
    launchConcurrency: given.launchConcurrency ?? availableParallelism() + 1,
  }
}

function readLanguages(
  languages: PoolLanguages,
  limits: Pick<ContainerLimits, 'memoryBytes' | 'pids'> & Pick<SandboxPoolOptions, 'maxPrograms'>,
  env: SandboxEnvironment,
): Settings['languages'] {
  const { memoryBytes, pids } = limits
  const plans = new Map<Language, LanguagePlan>()
  for (const [language, options] of Object.entries(languages)) {
    if (!options) continue
    const what =
      'agent' in options
        ? originOfDefined(language, options)
        : originOfBuiltIn(language, options, env)
    const size = options.size ?? env.SANDBOX_POOL_SIZE ?? DEFAULT_SIZE
    const max = options.max ?? defaultMax(size)
    const { max: largest } = boundsOf(size)
    if (max < largest) throw invalid(language, `max is ${max}, less than the size ${largest}`)
    const config: AgentConfig = {
      ...(options.preload && { preload: options.preload }),
      ...what.config,
      // The rest is for what runs, and for the tmpfs.
      contextBytes: Math.floor(memoryBytes / 4),
      pids,
    }
    const { images, commands } = what
    const { bundle, reaper, tasksPerProgram } = what.agent
    const command = [...what.agent.command, JSON.stringify(config)]
    const maxPrograms = limits.maxPrograms ?? Math.max(1, Math.floor(pids / tasksPerProgram))
    plans.set(language, { size, max, images, command, bundle, reaper, maxPrograms, commands })
  }
  return plans
}

/** What a language is by itself, before the options of the pool. */
interface Origin extends Pick<LanguagePlan, 'images' | 'commands'> {
  agent: AgentManifest
  config?: AgentConfig | undefined
}

function originOfBuiltIn(
  language: string,
  { image }: LanguageOptions,
  env: SandboxEnvironment,
): Origin {
  // The schema has refused any other.
  if (!isBuiltIn(language)) throw invalid(language, 'is not built in, defineLanguage() makes it')
  const { agent, config, images }: LanguageManifest = LANGUAGES[language]
  const named = image ?? env[LANGUAGES[language].imageVariable]
  return { agent, config, images: named === undefined ? images : [named], commands: undefined }
}

function originOfDefined(language: string, definition: DefinedLanguage): Origin {
  const { name, image, agent, file, compile, run, env } = definition
  if (name !== language) throw invalid(language, `its definition has the name ${name}`)
  return { agent: AGENTS[agent].agent, images: [image], commands: { file, compile, run, env } }
}

function invalid(language: string, why: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `languages.${language}: ${why}`)
}

function profileOf(env: SandboxEnvironment): string | undefined {
  // Without a profile there is nothing to enable: the engine's own is on already.
  return env.SANDBOX_ENABLE_SECCOMP === false ? undefined : env.SANDBOX_SECCOMP_PROFILE
}

function readProfile(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    JSON.parse(text)
    return text
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_INVALID_OPTION',
      `the seccomp profile ${JSON.stringify(path)} is not a file with JSON`,
      { cause },
    )
  }
}
