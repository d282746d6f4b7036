import type { ContainerOptions } from '../languages/container-options.js'
import type { DefinedLanguage } from '../languages/define.js'
import type { Engine } from '../engine/engine.js'
import type { BuiltInLanguage } from '../languages/built-in.js'
import type { SizeBounds } from '../pool/warm-size.js'

/**
 * The options of a built-in language of a pool, or of an entry with a `base`. The options of its
 * containers replace those of the pool.
 */
export interface LanguageOptions extends ContainerOptions {
  /**
   * The built-in language that an entry under a name of its own behaves as. It makes a second set of
   * containers of a language, with another image, preload or limits:
   * `{ 'python-data': { base: 'python', image, preload: ['numpy'] } }`.
   *
   * @default none, because the entry has the name of a built-in language
   */
  base?: BuiltInLanguage | undefined
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
   * The greatest number of launches at the same time, over all languages.
   *
   * @default the number of CPUs plus one
   */
  launchConcurrency?: number | undefined
}
