import { CallerSessions } from '../caller-sessions.js'
import { getSandboxes } from '../default-pool.js'
import type { SandboxPool } from '../sandbox-pool.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { SessionInfo } from '../sessions/types.js'

/** The options of the adapters that make sandboxes themselves. Each sandbox is a session. */
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
   * @default none: everyone with the id of a sandbox can use it
   */
  tenant?: string | undefined
  /**
   * The time limit for the wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * The time limit of a command that names none, in milliseconds.
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

/** The environment variables of a sandbox. */
export type Env = Readonly<Record<string, string>>

/** What a call needs. */
interface Call {
  /** The time limit of the command of the call, in milliseconds. */
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
}

/** The time that a lease has besides the time limit of its command, in milliseconds. */
const SPARE_MS = 30_000

/** The sandboxes of a provider. */
export class ProviderSessions {
  /** The time limit of a command that names none, in milliseconds. */
  readonly timeoutMs: number
  /** The greatest age of a sandbox, in milliseconds. */
  readonly ttlMs: number
  readonly #options: ProviderOptions
  readonly #env = new Map<string, Env>()

  constructor(options: ProviderOptions) {
    this.timeoutMs = options.timeoutMs ?? 30_000
    this.ttlMs = options.sessionTtlMs ?? 3_600_000
    this.#options = options
  }

  /** Opens a session and returns its id. */
  async open(env: Env, { ttlMs, ...call }: Call & { ttlMs?: number | undefined }): Promise<string> {
    const sessionTtlMs = Math.min(ttlMs ?? this.ttlMs, this.ttlMs)
    const visit = { ...this.#visit(call), sessionTtlMs }
    const { id, sandbox } = await this.#sessions.open(this.#options.language, visit)
    sandbox.release()
    const open = new Set(this.list().map((session) => session.id))
    for (const each of this.#env.keys()) if (!open.has(each)) this.#env.delete(each)
    this.#env.set(id, env)
    return id
  }

  /** Adds environment variables to the later calls of a session. */
  addEnv(id: string, env: Env): void {
    this.#env.set(id, { ...this.#env.get(id), ...env })
  }

  /** Uses the sandbox of a session for one call. */
  async use<T>(id: string, call: Call, run: (sandbox: Sandbox) => Promise<T>): Promise<T> {
    const sandbox = await this.visit(id, call)
    try {
      return await run(sandbox)
    } finally {
      sandbox.release()
    }
  }

  /** Returns the sandbox of a session. The caller must release it. */
  async visit(id: string, call: Call): Promise<Sandbox> {
    return this.#sessions.visit(id, { ...this.#visit(call), env: this.#env.get(id) })
  }

  /** Returns the session with this id, if the tenant has one. */
  find(id: string): SessionInfo | undefined {
    return this.#sessions.find(id)
  }

  /** Returns the sessions of the tenant. */
  list(): SessionInfo[] {
    return this.#sessions.list()
  }

  /** Ends a session, if there is one. */
  async end(id: string): Promise<void> {
    this.#env.delete(id)
    await this.#sessions.end(id)
  }

  get #sessions(): CallerSessions {
    const { pool = getSandboxes(), tenant } = this.#options
    return new CallerSessions({ pool, prefix: 'provider:', tenant })
  }

  #visit({ timeoutMs = this.timeoutMs, signal }: Call) {
    const { acquireTimeoutMs, sessionIdleMs } = this.#options
    const leaseTtlMs = timeoutMs + SPARE_MS
    return { timeoutMs: acquireTimeoutMs, leaseTtlMs, signal, sessionIdleMs }
  }
}
