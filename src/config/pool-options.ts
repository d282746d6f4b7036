import type { DefinedLanguage } from '../languages/define.js'
import type { Engine } from '../engine/engine.js'
import type { BuiltInLanguage } from '../languages/built-in.js'
import type { SizeBounds } from '../pool/warm-size.js'

/** One built-in language of a pool. */
export interface LanguageOptions {
  /**
   * How many containers are kept warm. With `{ min, max }` the pool chooses between them, by how
   * many callers come during one launch; it begins with `min`.
   *
   * @default SANDBOX_POOL_SIZE, else 2
   */
  size?: number | SizeBounds | undefined
  /**
   * How many may live at once, launching and dying ones included.
   *
   * @default twice the size, or the largest that it may choose
   */
  max?: number | undefined
  /**
   * The image. Any with the language's interpreter on its PATH will do.
   *
   * @default SANDBOX_BASE_PYTHON_IMAGE or SANDBOX_BASE_NODEJS_IMAGE, else `python:3.13-slim` and
   * `node:24-slim`, else what `hono-sandbox setup` built
   */
  image?: string | undefined
  /**
   * Modules that every container has imported before its first lease. A module that cannot be
   * imported ends `start()` with `SANDBOX_PRELOAD_FAILED`.
   *
   * @default none
   */
  preload?: readonly string[] | undefined
}

/** The languages of a pool by their names: built in, or made with `defineLanguage()`. */
export type PoolLanguages = Partial<Record<BuiltInLanguage, LanguageOptions>> &
  Readonly<Record<string, LanguageOptions | DefinedLanguage | undefined>>

/** What a pool is made with. Every field may be left out. */
export interface SandboxPoolOptions {
  /**
   * The languages, each a pool of its own: `python`, `nodejs`, `typescript`, and those that
   * `defineLanguage()` made, under their names.
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
   * The OCI runtime. `auto` is gVisor's `runsc` where the engine has it, else `runc` with a warning,
   * else, in production, an error.
   *
   * @default SANDBOX_RUNTIME, else 'auto'
   */
  runtime?: string | undefined
  /**
   * Memory of a container, `b`, `k`, `m` or `g`. Its tmpfs counts too; there is no swap.
   *
   * @default SANDBOX_MAX_MEMORY, else '256m'
   */
  memory?: string | undefined
  /**
   * CPUs of a container.
   *
   * @default 1
   */
  cpus?: number | undefined
  /**
   * Processes and threads of a container's programs. Under gVisor its own kernel bounds them, and the
   * engine's limit leaves room for gVisor's threads.
   *
   * @default 128
   */
  pids?: number | undefined
  /**
   * How many programs may run at once in a lease. Others wait, and the wait counts in their `timeoutMs`;
   * after half of that, or 5 s, they start all the same, since a program may wait for another. Processes
   * in the background and contexts are not counted.
   *
   * @default a program for each 2 `pids` for Python, for each 16 for Node
   */
  maxPrograms?: number | undefined
  /**
   * Open files of a process.
   *
   * @default 1024
   */
  openFiles?: number | undefined
  /**
   * Size of the tmpfs on /workspace.
   *
   * @default '64m'
   */
  workspaceSize?: string | undefined
  /**
   * Size of the tmpfs on /tmp.
   *
   * @default '32m'
   */
  tmpSize?: string | undefined
  /**
   * Size of /dev/shm.
   *
   * @default '16m'
   */
  shmSize?: string | undefined
  /**
   * The engine's network the containers join. `none` has no interface but loopback. A runtime that is
   * registered with `--network=none`, as set-up registers gVisor, has none whatever this says.
   *
   * @default 'none'
   */
  network?: string | undefined
  /**
   * A file with a seccomp profile, in place of the engine's own.
   *
   * @default SANDBOX_SECCOMP_PROFILE unless SANDBOX_ENABLE_SECCOMP is false, else the engine's own
   */
  seccompProfile?: string | undefined
  /**
   * How many callers may wait in line, for each language.
   *
   * @default 100
   */
  maxWaiting?: number | undefined
  /**
   * How long the start may take, in milliseconds. Containers that are not up by then go on launching.
   *
   * @default 30_000
   */
  startTimeoutMs?: number | undefined
  /**
   * How long a lease may be held, in milliseconds, 1 or more.
   *
   * @default 300_000
   */
  leaseTtlMs?: number | undefined
  /**
   * How many containers are launched side by side.
   *
   * @default one more than the CPUs
   */
  launchConcurrency?: number | undefined
}
