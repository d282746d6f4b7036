import { availableParallelism } from 'node:os'
import type { AgentBundle } from '../agent/bundle.js'
import type { AgentConfig } from '../agent/protocol.js'
import type { ContainerSettings } from './containers.js'
import { containersOfLanguage, containersOfPool } from './containers.js'
import type { ContainerLimits, LaunchSpec } from '../engine/engine.js'
import type { UserIdRange } from '../engine/user-ids.js'
import { readEnvironment } from './environment.js'
import type { SandboxEnvironment } from './environment.js'
import { SandboxError } from '../errors.js'
import type { Variables } from '../languages/container-options.js'
import type { DefinedLanguage, LanguageCommands } from '../languages/define.js'
import { LanguageName } from '../languages/definition-schema.js'
import type { AgentName, Language } from '../languages/built-in.js'
import { AGENT_NAMES, AGENTS, isBuiltIn, LANGUAGES } from '../languages/built-in.js'
import type { Isolation } from '../schemas/isolation.js'
import { check } from '../schemas/check.js'
import type { AgentManifest, LanguageManifest } from '../languages/manifest.js'
import type { LanguageOptions, PoolLanguages, SandboxPoolOptions } from './pool-options.js'
import { PoolSettings } from './pool-schema.js'
import type { SizeBounds } from '../pool/warm-size.js'
import { boundsOf, defaultMax } from '../pool/warm-size.js'
import type { SessionHooks } from '../sessions/types.js'

/** The settings of one language of a pool, with all defaults filled in. */
export interface LanguagePlan {
  /** The number of warm containers, or the bounds of that number. */
  size: number | SizeBounds
  /** The greatest number of containers at the same time. */
  max: number
  /** The greatest number of sessions; `undefined` for one less than `max`. */
  maxSessions: number | undefined
  /** The images that the launcher looks for, in order of preference. */
  images: readonly string[]
  /** The command line of the agent, with its config as the last argument. */
  command: readonly string[]
  /** The limits of a container. */
  limits: ContainerLimits
  /** The name of a runtime, or `auto`. */
  runtime: string
  /** The source of the agent: the first frame to a new container. */
  bundle: AgentBundle
  /** The language of the agent, whose interpreter is in the image. */
  agentName: AgentName
  /** The process that reaps orphans: the agent, or an init process of the engine. */
  reaper: LaunchSpec['reaper']
  /** The greatest number of programs that run at the same time in a lease. */
  maxPrograms: number
  /** The environment variables of every program. They are not part of a container. */
  env: Variables
  /** The commands of a defined language; `undefined` if the agent itself runs the code. */
  commands: LanguageCommands | undefined
}

/** The settings of a pool: all values are checked, and all defaults are filled in. */
export interface Settings {
  languages: ReadonlyMap<Language, LanguagePlan>
  maxWaiting: number
  maxPerTenant: number | undefined
  maxWaitingPerTenant: number | undefined
  startTimeoutMs: number
  leaseTtlMs: number
  maxSessionsPerTenant: number
  evictIdle: boolean
  sessionHooks: SessionHooks
  launchConcurrency: number
  minIsolation: Isolation | undefined
  userIds: UserIdRange | undefined
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
  // The names are those of the options, because the schema leaves out names such as `constructor`.
  for (const name of Object.keys(options.languages ?? {})) {
    if (!isBuiltIn(name)) check(LanguageName, name, `languages.${name}: the name`)
  }
  const languages = checked.languages ?? { python: {}, nodejs: {} }
  const plans = readLanguages(languages, containersOfPool(checked, env), env)
  checkUserIds(checked.userIds, plans)
  return {
    languages: plans,
    maxWaiting: checked.maxWaiting ?? 100,
    maxPerTenant: checked.maxPerTenant,
    maxWaitingPerTenant: checked.maxWaitingPerTenant,
    startTimeoutMs: checked.startTimeoutMs ?? 30_000,
    leaseTtlMs: checked.leaseTtlMs ?? 300_000,
    maxSessionsPerTenant: checked.maxSessionsPerTenant ?? Number.POSITIVE_INFINITY,
    evictIdle: checked.evictIdle ?? false,
    sessionHooks: {
      onStart: options.onSessionStart,
      onEnd: options.onSessionEnd,
      timeoutMs: checked.sessionHookTimeoutMs ?? 30_000,
    },
    launchConcurrency: checked.launchConcurrency ?? availableParallelism() + 1,
    minIsolation: checked.minIsolation,
    userIds: checked.userIds,
  }
}

/** @throws SandboxError if the pool could have more containers than user ids. */
function checkUserIds(userIds: UserIdRange | undefined, plans: Settings['languages']): void {
  const needed = [...plans.values()].reduce((sum, { max }) => sum + max, 0)
  if (!userIds || userIds.count >= needed) return
  throw new SandboxError(
    'SANDBOX_INVALID_OPTION',
    `userIds.count is ${userIds.count}, expected at least ${needed}, the sum of max of all languages`,
  )
}

function readLanguages(
  languages: PoolLanguages,
  ofPool: ContainerSettings,
  variables: SandboxEnvironment,
): Settings['languages'] {
  const plans = new Map<Language, LanguagePlan>()
  for (const [language, options] of Object.entries(languages)) {
    if (options) plans.set(language, planOf(language, options, ofPool, variables))
  }
  return plans
}

function planOf(
  language: string,
  options: LanguageOptions | DefinedLanguage,
  ofPool: ContainerSettings,
  variables: SandboxEnvironment,
): LanguagePlan {
  const origin =
    'agent' in options
      ? originOfDefined(language, options)
      : originOfBuiltIn(language, options, variables)
  const size = options.size ?? variables.SANDBOX_POOL_SIZE ?? DEFAULT_SIZE
  const max = options.max ?? defaultMax(size)
  const { max: largest } = boundsOf(size)
  if (max < largest) throw invalid(language, `max is ${max}, expected at least the size ${largest}`)
  const { maxSessions } = options
  if (maxSessions !== undefined && maxSessions >= max) {
    throw invalid(
      language,
      `maxSessions is ${maxSessions}, expected less than max, which is ${max}`,
    )
  }
  const containers = containersOfLanguage(language, options, ofPool)
  const { limits, runtime, env } = containers
  const { bundle, reaper, tasksPerProgram } = origin.agent
  const config: AgentConfig = {
    ...(options.preload && { preload: options.preload }),
    ...origin.config,
    // Three quarters of the memory are left for running programs and for the files in the tmpfs.
    contextBytes: Math.floor(limits.memoryBytes / 4),
    pids: limits.pids,
  }
  return {
    size,
    max,
    maxSessions,
    images: origin.images,
    command: [...origin.agent.command, JSON.stringify(config)],
    limits,
    runtime,
    bundle,
    agentName: AGENT_NAMES.find((name) => AGENTS[name].agent === origin.agent) ?? 'nodejs',
    reaper,
    maxPrograms: containers.maxPrograms ?? Math.max(1, Math.floor(limits.pids / tasksPerProgram)),
    env,
    commands: origin.commands && { ...origin.commands, env },
  }
}

/** The properties of a language that do not depend on the options of its containers. */
interface Origin extends Pick<LanguagePlan, 'images' | 'commands'> {
  agent: AgentManifest
  config?: AgentConfig | undefined
}

function originOfBuiltIn(
  language: string,
  { base, image }: LanguageOptions,
  variables: SandboxEnvironment,
): Origin {
  const name: string = base ?? language
  // The schema has already refused all other names. This check narrows the type.
  if (!isBuiltIn(name)) throw invalid(language, 'the language is not built in')
  const { agent, config, images }: LanguageManifest = LANGUAGES[name]
  const chosen = image ?? variables[LANGUAGES[name].imageVariable]
  return { agent, config, images: chosen === undefined ? images : [chosen], commands: undefined }
}

function originOfDefined(language: string, definition: DefinedLanguage): Origin {
  const { name, image, agent, file, compile, run } = definition
  if (name !== language)
    throw invalid(language, `expected a definition with this name, got the name ${name}`)
  return { agent: AGENTS[agent].agent, images: [image], commands: { file, compile, run } }
}

function invalid(language: string, problem: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `languages.${language}: ${problem}`)
}
