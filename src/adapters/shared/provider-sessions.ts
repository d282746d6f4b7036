import { CallerSessions } from '../../caller-sessions.js'
import { getSandboxes } from '../../default-pool.js'
import type { SandboxPool } from '../../sandbox-pool.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import type { SessionInfo } from '../../sessions/types.js'
import { LONGEST_TIMER_MS } from '../../util/deadline.js'
import type { ProviderOptions } from './provider-options.js'
import type { Env } from './session-env.js'
import { envOfSessions } from './session-env.js'

/** The limits of a call. */
interface Call {
  /** The time limit of the command of the call, in milliseconds. */
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
}

/** The start of the ids of these sessions in the pool. */
const PREFIX = 'provider:'
/** The time that a lease lasts longer than its command may run, in milliseconds. */
const SPARE_MS = 30_000

/** The sandboxes of a provider. */
export class ProviderSessions {
  /** The time limit of a command without a time limit of its own, in milliseconds. */
  readonly timeoutMs: number
  /** The greatest age of a sandbox, in milliseconds. */
  readonly ttlMs: number
  readonly #options: ProviderOptions

  constructor(options: ProviderOptions) {
    this.timeoutMs = options.timeoutMs ?? 30_000
    this.ttlMs = options.sessionTtlMs ?? 3_600_000
    this.#options = options
  }

  /** Opens a session and returns its id. If the signal aborts, the call throws its reason. */
  async open(env: Env, { ttlMs, ...call }: Call & { ttlMs?: number | undefined }): Promise<string> {
    const sessionTtlMs = Math.min(ttlMs ?? this.ttlMs, this.ttlMs)
    const visit = { ...this.#visit(call), sessionTtlMs }
    const opened = this.#sessions.open(this.#options.language, visit)
    const { id, sandbox } = await orReason(call.signal, opened)
    sandbox.release()
    this.addEnv(id, env)
    return id
  }

  /** Adds environment variables to the later calls of a session. */
  addEnv(id: string, env: Env): void {
    const kept = envOfSessions(this.#pool)
    kept.set(PREFIX + id, { ...kept.get(PREFIX + id), ...env })
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

  /** Returns the sandbox of a session. The caller must release it. If the signal aborts, throws its reason. */
  async visit(id: string, call: Call): Promise<Sandbox> {
    const env = envOfSessions(this.#pool).get(PREFIX + id)
    return orReason(call.signal, this.#sessions.visit(id, { ...this.#visit(call), env }))
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
    await this.#sessions.end(id)
  }

  get #sessions(): CallerSessions {
    return new CallerSessions({ pool: this.#pool, prefix: PREFIX, tenant: this.#options.tenant })
  }

  get #pool(): SandboxPool {
    return this.#options.pool ?? getSandboxes()
  }

  #visit({ timeoutMs = this.timeoutMs, signal }: Call) {
    const { acquireTimeoutMs, sessionIdleMs } = this.#options
    const leaseTtlMs = Math.min(timeoutMs + SPARE_MS, LONGEST_TIMER_MS)
    return { timeoutMs: acquireTimeoutMs, leaseTtlMs, signal, sessionIdleMs }
  }
}

/** Resolves as the call does. If it fails after the signal aborted, throws the reason of the signal. */
async function orReason<T>(signal: AbortSignal | undefined, call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
}
