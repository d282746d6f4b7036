import type { ContainerOptions } from '../languages/container-options.js'
import type { DefinedLanguage } from '../languages/define.js'
import type { Engine } from '../engine/engine.js'
import type { UserIdRange } from '../engine/user-ids.js'
import type { BuiltInLanguage } from '../languages/built-in.js'
import type { SizeOptions } from '../languages/size-options.js'
import type { Isolation } from '../schemas/isolation.js'
import type { OnSessionEnd, OnSessionStart } from '../sessions/types.js'

/**
 * The options of a built-in language of a pool, or of an entry with a `base`. The options of its
 * containers replace those of the pool.
 */
export interface LanguageOptions extends ContainerOptions, SizeOptions {
  /**
   * The built-in language that an entry under a name of its own behaves as. It makes a second set of
   * containers of a language, with another image, preload or limits:
   * `{ 'python-data': { base: 'python', image, preload: ['numpy'] } }`.
   *
   * @default none, because the entry has the name of a built-in language
   */
  base?: BuiltInLanguage | undefined
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
}

/**
 * The languages of a pool, by name: options of a built-in language, options with a `base` under
 * another name, or a definition from `defineLanguage()`.
 */
export type PoolLanguages = Partial<Record<BuiltInLanguage, LanguageOptions>> &
  Readonly<Record<string, LanguageOptions | DefinedLanguage | undefined>>

/**
 * The options of a `SandboxPool`. All of them are optional. The options of a container are those of
 * every language that does not have its own.
 */
export interface SandboxPoolOptions extends ContainerOptions {
  /**
   * The languages: `python`, `nodejs`, `typescript`, entries with a `base`, and definitions from
   * `defineLanguage()` under their own names. Each language has its own containers and its own queue.
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
   * The greatest number of sessions of one tenant in each language.
   *
   * @default no limit
   */
  maxSessionsPerTenant?: number | undefined
  /**
   * Whether the session that has been idle for the longest time ends, if there is no place for a
   * new one. A session with a request or a running process never ends in this way.
   *
   * @default false
   */
  evictIdle?: boolean | undefined
  /**
   * Called when a session has its container, before its first request gets the sandbox: restore its
   * files here, and its contexts. It is called again if a later session with the same id begins,
   * for example after a crash. The requests of the session wait for it. If it throws or takes longer
   * than `sessionHookTimeoutMs`, the request gets `SANDBOX_SESSION_START_FAILED`, and the container
   * is removed without `onSessionEnd`.
   */
  onSessionStart?: OnSessionStart | undefined
  /**
   * Called when a session ends, before its container leaves: save its files here. A request with
   * the same id waits for it. The sandbox is `undefined` if the container has exited. If the
   * function throws or takes longer than `sessionHookTimeoutMs`, the process emits a warning.
   */
  onSessionEnd?: OnSessionEnd | undefined
  /**
   * The time limit of each call of `onSessionStart` and `onSessionEnd`, in milliseconds. When the
   * pool closes, `onSessionEnd` has at most a quarter of the deadline.
   *
   * @default 30_000
   */
  sessionHookTimeoutMs?: number | undefined
  /**
   * The greatest number of launches at the same time, over all languages.
   *
   * @default the number of CPUs plus one
   */
  launchConcurrency?: number | undefined
  /**
   * The least isolation with which the pool starts. Before it launches its containers, `start()`
   * examines a container of each language as `doctor()` does, and throws `SANDBOX_ISOLATION_WEAK` if
   * the isolation is less: `weak`, `container` or `kernel`.
   *
   * @default no examination
   */
  minIsolation?: Isolation | undefined
  /**
   * The user ids of the host for the programs, so that each container has an id of its own: `first`,
   * at least 100 000, and a `count` of at least the sum of `max` of all languages. Limits of the
   * kernel for each user, such as the number of inotify instances, are then not shared by leases.
   * Servers on the same engine need ranges of their own. The name of such a user is `sandbox`. The
   * kernel limits it to `pids` processes and threads, and limits its signals in queues and its
   * message queues.
   *
   * @default none: the programs of all containers are user `nobody`
   */
  userIds?: UserIdRange | undefined
}
