import { CallerSessions } from '../caller-sessions.js'
import { SandboxError } from '../errors.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Host } from './host.js'

/** The time that a lease lasts longer than its program may run, in milliseconds. */
const SPARE_MS = 30_000

/** What one call needs for its container. */
export interface Call {
  signal: AbortSignal
  /** The time limit of the program of the call, in milliseconds. */
  timeoutMs?: number | undefined
}

/** The sessions of one caller. */
export class McpSessions {
  readonly #host: Host
  readonly #sessions: CallerSessions

  constructor(host: Host) {
    const { pool, tenant } = host
    this.#host = host
    this.#sessions = new CallerSessions({ pool, prefix: 'mcp:', tenant })
  }

  /** Leases a container for one call. */
  async acquire(language: string, call: Call): Promise<Sandbox> {
    const { pool, tenant } = this.#host
    return pool.acquire(language, { ...this.#lease(call), tenant })
  }

  /** Opens a session and returns its id. Code of the session keeps its variables in a context. */
  async start(language: string, call: Call): Promise<string> {
    const { id, sandbox: box } = await this.#sessions.open(language, this.#visit(call))
    try {
      await createContext(box)
    } catch (error) {
      await box.session?.end()
      throw error
    } finally {
      box.release()
    }
    return id
  }

  /**
   * Returns the sandbox of a session for one call.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_SESSION` if the caller has no session with this id.
   */
  async visit(id: string, call: Call): Promise<Sandbox> {
    return this.#sessions.visit(id, this.#visit(call))
  }

  /** Ends a session. Returns whether there was one. */
  async end(id: string): Promise<boolean> {
    return this.#sessions.end(id)
  }

  #visit(call: Call) {
    const { sessionIdleMs, sessionTtlMs } = this.#host.bounds
    return { ...this.#lease(call), sessionIdleMs, sessionTtlMs }
  }

  #lease({ signal, timeoutMs = 0 }: Call) {
    const { acquireTimeoutMs } = this.#host.bounds
    return { timeoutMs: acquireTimeoutMs, leaseTtlMs: timeoutMs + SPARE_MS, signal }
  }
}

/** Creates the context of a session. A language that has no contexts runs each code on its own. */
async function createContext(box: Sandbox): Promise<void> {
  try {
    await box.createCodeContext()
  } catch (error) {
    if (!(error instanceof SandboxError && error.code === 'SANDBOX_INVALID_OPTION')) throw error
  }
}
