import { readFileSync } from 'node:fs'
import type { ContainerLimits, SeccompProfile } from '../engine/engine.js'
import { SandboxError } from '../errors.js'
import type { ContainerOptions, Variables } from '../languages/container-options.js'
import { parseBytes } from './byte-size.js'
import type { SandboxEnvironment } from './environment.js'

/** The settings of the containers of a pool, or of one of its languages. */
export interface ContainerSettings {
  limits: ContainerLimits
  /** The name of a runtime, or `auto`. */
  runtime: string
  /** The greatest number of programs at the same time; `undefined` for the default of the language. */
  maxPrograms: number | undefined
  /** The environment variables of every program. They are not part of a container. */
  env: Variables
}

const MIB = 1024 ** 2

const DEFAULTS: ContainerSettings = {
  limits: {
    network: 'none',
    memoryBytes: 256 * MIB,
    cpus: 1,
    pids: 128,
    openFiles: 1024,
    workspaceBytes: 64 * MIB,
    tmpBytes: 32 * MIB,
    shmBytes: 16 * MIB,
    seccomp: 'narrow',
  },
  runtime: 'auto',
  maxPrograms: undefined,
  env: {},
}

/** The variables that replace a missing option of the pool, for messages about their values. */
const VARIABLES: Partial<Record<keyof ContainerOptions, string>> = {
  memory: 'SANDBOX_MAX_MEMORY',
  seccompProfile: 'SANDBOX_SECCOMP_PROFILE',
}

/**
 * Returns the settings of all containers of a pool: its options, else the variables, else the
 * defaults.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if a size or a seccomp profile is not valid.
 */
export function containersOfPool(
  options: ContainerOptions,
  variables: SandboxEnvironment,
): ContainerSettings {
  const isOff = variables.SANDBOX_ENABLE_SECCOMP === false
  const merged = {
    ...options,
    runtime: options.runtime ?? variables.SANDBOX_RUNTIME,
    memory: options.memory ?? variables.SANDBOX_MAX_MEMORY,
    seccompProfile:
      options.seccompProfile ?? (isOff ? undefined : variables.SANDBOX_SECCOMP_PROFILE),
  }
  const nameOf = (option: keyof ContainerOptions) =>
    options[option] === undefined ? (VARIABLES[option] ?? option) : option
  const limits: ContainerLimits = { ...DEFAULTS.limits, seccomp: isOff ? 'engine' : 'narrow' }
  return replace({ ...DEFAULTS, limits }, merged, nameOf)
}

/**
 * Returns the settings of the containers of one language: its options, else the settings of the pool.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if a size or a seccomp profile is not valid.
 */
export function containersOfLanguage(
  language: string,
  options: ContainerOptions,
  ofPool: ContainerSettings,
): ContainerSettings {
  return replace(ofPool, options, (option) => `languages.${language}.${option}`)
}

/** Returns settings in which the options replace the settings. */
function replace(
  { limits, runtime, maxPrograms, env }: ContainerSettings,
  options: ContainerOptions,
  nameOf: (option: keyof ContainerOptions) => string,
): ContainerSettings {
  const bytesOf = (option: 'memory' | 'workspaceSize' | 'tmpSize' | 'shmSize', other: number) => {
    const size = options[option]
    return size === undefined ? other : parseBytes(nameOf(option), size)
  }
  const { seccompProfile } = options
  return {
    limits: {
      ...limits,
      network: options.network ?? limits.network,
      memoryBytes: bytesOf('memory', limits.memoryBytes),
      cpus: options.cpus ?? limits.cpus,
      pids: options.pids ?? limits.pids,
      openFiles: options.openFiles ?? limits.openFiles,
      workspaceBytes: bytesOf('workspaceSize', limits.workspaceBytes),
      tmpBytes: bytesOf('tmpSize', limits.tmpBytes),
      shmBytes: bytesOf('shmSize', limits.shmBytes),
      seccomp:
        seccompProfile === undefined
          ? limits.seccomp
          : readProfile(nameOf('seccompProfile'), seccompProfile),
    },
    runtime: options.runtime ?? runtime,
    maxPrograms: options.maxPrograms ?? maxPrograms,
    env: { ...env, ...options.env },
  }
}

function readProfile(name: string, path: string): SeccompProfile {
  try {
    const json = readFileSync(path, 'utf8')
    JSON.parse(json)
    return { json }
  } catch (cause) {
    throw new SandboxError(
      'SANDBOX_INVALID_OPTION',
      `${name} is ${JSON.stringify(path)}, expected the path of a readable JSON file`,
      { cause },
    )
  }
}
