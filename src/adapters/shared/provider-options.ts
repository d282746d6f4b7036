import type { SandboxPool } from '../../sandbox-pool.js'

/** The options of the adapters that start sandboxes. Each sandbox is a session of the pool. */
export interface ProviderOptions {
  /** The language of the containers. */
  language: string
  /**
   * The pool that leases the containers.
   *
   * @default the pool of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * The user, team or API key that the sandboxes are for. Another tenant cannot reach them, even if
   * it has their ids. Make one provider for each tenant.
   *
   * @default none: every caller with the id of a sandbox can use it
   */
  tenant?: string | undefined
  /**
   * The time limit for the wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * The time limit of a command without a time limit of its own, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * The time without a call after which a sandbox ends, in milliseconds.
   *
   * @default 600_000
   */
  sessionIdleMs?: number | undefined
  /**
   * The greatest age of a sandbox, in milliseconds.
   *
   * @default 3_600_000
   */
  sessionTtlMs?: number | undefined
}
