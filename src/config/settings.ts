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

/** The settings of one language of a pool, with all defaults filled in. */
export interface LanguagePlan {
  /** The number of warm containers, or the bounds of that number. */
  size: number | SizeBounds
  /** The greatest number of containers at the same time. */
  max: number
  /** The images that the launcher looks for, in order of preference. */
  images: readonly string[]
  /** The command line of the agent, with its config as the last argument. */
  command: readonly string[]
  /** The memory limit of a container. */
  memoryBytes: number
  /** The source of the agent: the first frame to a new container. */
  bundle: AgentBundle
  /** The process that reaps orphans: the agent, or an init process of the engine. */
  reaper: LaunchSpec['reaper']
  /** The greatest number of programs that run at the same time in a lease. */
  maxPrograms: number
  /** The commands of a defined language; `undefined` if the agent itself runs the code. */
  commands: LanguageCommands | undefined
}

/** The settings of a pool: all values are checked, and all defaults are filled in. */
export interface Settings {
  languages: ReadonlyMap<Language, LanguagePlan>
  runtime: string
  limits: ContainerLimits
  maxWaiting: number
  maxPerTenant: number | undefined
  maxWaitingPerTenant: number | undefined
  startTimeoutMs: number
  leaseTtlMs: number
  launchConcurrency: number
}

const DEFAULT_SIZE = 2

/**
 * Merges the options, the `SANDBOX_*` variables and the defaults into settings. An option takes
 * precedence over a variable.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option or a variable is not valid.
 */
export function readSettings(options: SandboxPoolOptions, env = readEnvironment()): Settings {
  const checked = check(PoolSettings, options, 'SandboxPool')
  const memory = checked.memory ?? env.SANDBOX_MAX_MEMORY ?? '256m'
  const memoryBytes = parseBytes(
    checked.memory === undefined ? 'SANDBOX_MAX_MEMORY' : 'memory',
    memory,
  )
  const profile = checked.seccompProfile ?? profileOf(env)
  const pids = checked.pids ?? 128
  return {
    languages: readLanguages(
      checked.languages ?? { python: {}, nodejs: {} },
      { memoryBytes, pids, maxPrograms: checked.maxPrograms },
      env,
    ),
    runtime: checked.runtime ?? env.SANDBOX_RUNTIME ?? 'auto',
    limits: {
      network: checked.network ?? 'none',
      memoryBytes,
      cpus: checked.cpus ?? 1,
      pids,
      openFiles: checked.openFiles ?? 1024,
      workspaceBytes: parseBytes('workspaceSize', checked.workspaceSize ?? '64m'),
      tmpBytes: parseBytes('tmpSize', checked.tmpSize ?? '32m'),
      shmBytes: parseBytes('shmSize', checked.shmSize ?? '16m'),
      ...(profile !== undefined && { seccompProfile: readProfile(profile) }),
    },
    maxWaiting: checked.maxWaiting ?? 100,
    maxPerTenant: checked.maxPerTenant,
    maxWaitingPerTenant: checked.maxWaitingPerTenant,
    startTimeoutMs: checked.startTimeoutMs ?? 30_000,
    leaseTtlMs: checked.leaseTtlMs ?? 300_000,
    launchConcurrency: checked.launchConcurrency ?? availableParallelism() + 1,
  }
}

function readLanguages(
  languages: PoolLanguages,
  limits: Pick<ContainerLimits, 'memoryBytes' | 'pids'> & Pick<SandboxPoolOptions, 'maxPrograms'>,
  env: SandboxEnvironment,
): Settings['languages'] {
  const { pids } = limits
  const plans = new Map<Language, LanguagePlan>()
  for (const [language, options] of Object.entries(languages)) {
    if (!options) continue
    const origin =
      'agent' in options
        ? originOfDefined(language, options)
        : originOfBuiltIn(language, options, env)
    const size = options.size ?? env.SANDBOX_POOL_SIZE ?? DEFAULT_SIZE
    const max = options.max ?? defaultMax(size)
    const { max: largest } = boundsOf(size)
    if (max < largest)
      throw invalid(language, `max is ${max}, expected at least the size ${largest}`)
    const memoryBytes =
      options.memory === undefined
        ? limits.memoryBytes
        : parseBytes(`languages.${language}.memory`, options.memory)
    const config: AgentConfig = {
      ...(options.preload && { preload: options.preload }),
      ...origin.config,
      // Three quarters of the memory are left for running programs and for the files in the tmpfs.
      contextBytes: Math.floor(memoryBytes / 4),
      pids,
    }
    const { images, commands } = origin
    const { bundle, reaper, tasksPerProgram } = origin.agent
    const command = [...origin.agent.command, JSON.stringify(config)]
    const maxPrograms = limits.maxPrograms ?? Math.max(1, Math.floor(pids / tasksPerProgram))
    const agent = { command, bundle, reaper, maxPrograms, commands }
    plans.set(language, { size, max, images, memoryBytes, ...agent })
  }
  return plans
}

/** The properties of a language that do not depend on the options of the pool. */
interface Origin extends Pick<LanguagePlan, 'images' | 'commands'> {
  agent: AgentManifest
  config?: AgentConfig | undefined
}

function originOfBuiltIn(
  language: string,
  { image }: LanguageOptions,
  env: SandboxEnvironment,
): Origin {
  // The schema has already refused all other names. This check narrows the type.
  if (!isBuiltIn(language)) throw invalid(language, 'the language is not built in')
  const { agent, config, images }: LanguageManifest = LANGUAGES[language]
  const chosen = image ?? env[LANGUAGES[language].imageVariable]
  return { agent, config, images: chosen === undefined ? images : [chosen], commands: undefined }
}

function originOfDefined(language: string, definition: DefinedLanguage): Origin {
  const { name, image, agent, file, compile, run, env } = definition
  if (name !== language)
    throw invalid(language, `expected a definition with this name, got the name ${name}`)
  return { agent: AGENTS[agent].agent, images: [image], commands: { file, compile, run, env } }
}

function invalid(language: string, problem: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `languages.${language}: ${problem}`)
}

function profileOf(env: SandboxEnvironment): string | undefined {
  // SANDBOX_ENABLE_SECCOMP=true needs no code: the engine applies its default profile by itself.
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
      `the seccomp profile ${JSON.stringify(path)} is not a readable JSON file`,
      { cause },
    )
  }
}
