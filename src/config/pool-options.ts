import type { DefinedLanguage } from '../languages/define.js'
import type { Engine } from '../engine/engine.js'
import type { BuiltInLanguage } from '../languages/built-in.js'
import type { SizeBounds } from '../pool/warm-size.js'

/** The options of one built-in language of a pool. */
export interface LanguageOptions {
  /**
   * The number of containers that the pool keeps warm. With `{ min, max }` the pool starts with
   * `min` and adapts the number to the load, so that it is enough for the callers that are expected
   * during one launch.
   *
   * @default SANDBOX_POOL_SIZE, else 2
   */
  size?: number | SizeBounds | undefined
  /**
   * The greatest number of containers at the same time. It includes containers that are starting or
   * being removed.
   *
   * @default twice the size, or twice the upper bound of the size
   */
  max?: number | undefined
  /**
   * The image of the containers. It must have the interpreter of the language on its PATH.
   *
   * @default SANDBOX_BASE_PYTHON_IMAGE or SANDBOX_BASE_NODEJS_IMAGE, else `python:3.13-slim` and
   * `node:24-slim`, else what `hono-sandbox setup` built
   */
  image?: string | undefined
  /**
   * The modules that every container imports before its first lease. If a module cannot be
   * imported, `start()` throws `SANDBOX_PRELOAD_FAILED`.
   *
   * @default none
   */
  preload?: readonly string[] | undefined
  /**
   * The memory limit of a container of this language.
   *
   * @default the option `memory` of the pool
   */
  memory?: string | undefined
}

/**
 * The languages of a pool, by name: options of a built-in language, or a definition from
 * `defineLanguage()`.
 */
export type PoolLanguages = Partial<Record<BuiltInLanguage, LanguageOptions>> &
  Readonly<Record<string, LanguageOptions | DefinedLanguage | undefined>>

/** The options of a `SandboxPool`. All of them are optional. */
export interface SandboxPoolOptions {
  /**
   * The languages: `python`, `nodejs`, `typescript`, and definitions from `defineLanguage()` under
   * their own names. Each language has its own containers and its own queue.
   *
   * @default `{ python: {}, nodejs: {} }`
   */
  languages?: PoolLanguages | undefined
  /**
   * The container engine.
   *
   * @default `createDockerEngine()`
   */
  engine?: Engine | undefined
  /**
   * The OCI runtime. With `auto` the pool uses gVisor (`runsc`) if the engine has it. Otherwise it
   * throws an error if `NODE_ENV` is `production`, or else warns and uses `runc` or the first runtime
   * of the engine.
   *
   * @default SANDBOX_RUNTIME, else 'auto'
   */
  runtime?: string | undefined
  /**
   * The memory limit of a container, with the unit `b`, `k`, `m` or `g`. Files in its tmpfs count,
   * too. A container has no swap.
   *
   * @default SANDBOX_MAX_MEMORY, else '256m'
   */
  memory?: string | undefined
  /**
   * The number of CPUs of a container. A fraction is allowed.
   *
   * @default 1
   */
  cpus?: number | undefined
  /**
   * The greatest number of processes and threads of the programs in a container. Under gVisor,
   * gVisor's own kernel applies this limit. The limit of the engine is then higher, because it also
   * counts the threads of gVisor.
   *
   * @default 128
   */
  pids?: number | undefined
  /**
   * The greatest number of programs that run at the same time in a lease. Further programs wait,
   * and the wait counts in their `timeoutMs`. After half of that time, or after 5 s, they start in
   * spite of the limit, because a running program may be waiting for them. Background processes and
   * contexts do not count.
   *
   * @default `pids` / 2 for Python, `pids` / 16 for Node
   */
  maxPrograms?: number | undefined
  /**
   * The greatest number of open files of a process.
   *
   * @default 1024
   */
  openFiles?: number | undefined
  /**
   * The size of the tmpfs on `/workspace`.
   *
   * @default '64m'
   */
  workspaceSize?: string | undefined
  /**
   * The size of the tmpfs on `/tmp`.
   *
   * @default '32m'
   */
  tmpSize?: string | undefined
  /**
   * The size of `/dev/shm`.
   *
   * @default '16m'
   */
  shmSize?: string | undefined
  /**
   * The network of the engine that the containers join. With `none` a container has only the
   * loopback interface. If the runtime is registered with `--network=none`, containers have no
   * network whatever this option is. `hono-sandbox setup` registers an old gVisor in this way.
   *
   * @default 'none'
   */
  network?: string | undefined
  /**
   * The path of a file with a seccomp profile. It replaces the default profile of the engine.
   *
   * @default SANDBOX_SECCOMP_PROFILE unless SANDBOX_ENABLE_SECCOMP is false, else the engine's own
   */
  seccompProfile?: string | undefined
  /**
   * The greatest number of callers in the queue of each language. Further callers get
   * `SANDBOX_QUEUE_FULL`.
   *
   * @default 100
   */
  maxWaiting?: number | undefined
  /**
   * The greatest number of leases that a tenant holds at the same time in one language. Further
   * callers of the tenant wait until one of its leases ends, and do not delay other tenants.
   *
   * @default none
   */
  maxPerTenant?: number | undefined
  /**
   * The greatest number of callers of one tenant in the queue of each language. Further callers of
   * the tenant get `SANDBOX_TENANT_LIMIT`. It has an effect if it is less than `maxWaiting`, which
   * counts the callers of all tenants.
   *
   * @default none
   */
  maxWaitingPerTenant?: number | undefined
  /**
   * The time limit of `start()`, in milliseconds. Containers that are not ready by then continue to
   * launch in the background.
   *
   * @default 30_000
   */
  startTimeoutMs?: number | undefined
  /**
   * The greatest duration of a lease, in milliseconds, at least 1. The pool ends the lease after
   * that time.
   *
   * @default 300_000
   */
  leaseTtlMs?: number | undefined
  /**
   * The greatest number of launches at the same time, over all languages.
   *
   * @default the number of CPUs plus one
   */
  launchConcurrency?: number | undefined
}
