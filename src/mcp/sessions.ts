import { randomBytes } from 'node:crypto'
import { SandboxError } from '../errors.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Host } from './host.js'

/**
 * The start of the ids of these sessions in the pool. The sessions of the app have other ids, so a
 * caller cannot name one of them.
 */
const PREFIX = 'mcp:'
/** The time that a lease has besides the time limit of its program, in milliseconds. */
const SPARE_MS = 30_000

/** What one call needs for its container. */
export interface Call {
  signal: AbortSignal
  /** The time limit of the program of the call, in milliseconds. */
  timeoutMs?: number | undefined
}

/** The sessions of one caller. The server makes their ids, which cannot be guessed. */
export class McpSessions {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** Leases a container for one call. */
  async acquire(language: string, call: Call): Promise<Sandbox> {
    const { pool } = this.#host
    return pool.acquire(language, this.#lease(call))
  }

  /** Opens a session and returns its id. Code of the session keeps its variables in a context. */
  async start(language: string, call: Call): Promise<string> {
    const id = randomBytes(18).toString('base64url')
    const box = await this.#visit(language, id, call)
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
    const found = this.#find(id)
    if (!found) throw unknownSession()
    const box = await this.#visit(found.language, id, call)
    // A session has one `Date`. If the session ended while the call waited for it, the pool has
    // opened another one, which has another.
    if (this.#find(id)?.createdAt === found.createdAt) return box
    await box.session?.end()
    throw unknownSession()
  }

  /** Ends a session. Returns whether there was one. */
  async end(id: string): Promise<boolean> {
    const found = this.#find(id)
    if (!found) return false
    const { pool, tenant } = this.#host
    return (await pool.endSession(PREFIX + id, { tenant })) > 0
  }

  /** Returns the session if it belongs to the caller. */
  #find(id: string) {
    const { pool, tenant } = this.#host
    return pool
      .listSessions()
      .find((session) => session.id === PREFIX + id && session.tenant === tenant)
  }

  async #visit(language: string, id: string, call: Call): Promise<Sandbox> {
    const { pool, bounds } = this.#host
    const { sessionIdleMs, sessionTtlMs } = bounds
    return pool.session(language, PREFIX + id, {
      ...this.#lease(call),
      sessionIdleMs,
      sessionTtlMs,
    })
  }

  #lease({ signal, timeoutMs = 0 }: Call) {
    const { tenant, bounds } = this.#host
    return { timeoutMs: bounds.acquireTimeoutMs, leaseTtlMs: timeoutMs + SPARE_MS, signal, tenant }
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

function unknownSession(): SandboxError {
  return new SandboxError(
    'SANDBOX_UNKNOWN_SESSION',
    'there is no session with this id, or it has ended',
  )
}
