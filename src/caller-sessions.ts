import { randomBytes } from 'node:crypto'
import type { SandboxPool } from './sandbox-pool.js'
import type { Sandbox } from './sandbox/sandbox.js'
import { unknownSession } from './sessions/session-errors.js'
import type { SessionInfo, SessionOptions } from './sessions/types.js'

/** The caller of {@link CallerSessions}. */
export interface SessionCaller {
  pool: SandboxPool
  /**
   * The start of the ids of these sessions in the pool. The sessions of the app have other ids, so a
   * caller cannot name one of them.
   */
  prefix: string
  tenant: string | undefined
}

type Visit = Omit<SessionOptions, 'tenant'>

/**
 * The sessions that a caller opens in a pool. Their ids are made here and cannot be guessed. An id
 * names a session only for the tenant that has opened it.
 */
export class CallerSessions {
  readonly #caller: SessionCaller

  constructor(caller: SessionCaller) {
    this.#caller = caller
  }

  /** Opens a session. Returns its id, and the sandbox for the first call. */
  async open(language: string, options: Visit): Promise<{ id: string; sandbox: Sandbox }> {
    const id = randomBytes(18).toString('base64url')
    try {
      return { id, sandbox: await this.#visit(language, id, options) }
    } catch (error) {
      // If the signal aborted while the session opened, it is open now, and nobody has its id.
      await this.end(id)
      throw error
    }
  }

  /**
   * Returns the sandbox of a session for one call.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_SESSION` if the caller has no session with this id.
   */
  async visit(id: string, options: Visit): Promise<Sandbox> {
    const found = this.find(id)
    if (!found) throw unknownSession()
    // The pool must not open another session in its place, because this could end a session of another
    // caller.
    return this.#visit(found.language, id, { ...options, sessionMustExist: true })
  }

  /** Ends a session. Returns whether there was one. */
  async end(id: string): Promise<boolean> {
    if (!this.find(id)) return false
    const { pool, prefix, tenant } = this.#caller
    return (await pool.endSession(prefix + id, { tenant })) > 0
  }

  /** Returns the session with this id, if the caller has one. */
  find(id: string): SessionInfo | undefined {
    return this.list().find((session) => session.id === id)
  }

  /** Returns the sessions of the caller. */
  list(): SessionInfo[] {
    const { pool, prefix, tenant } = this.#caller
    return pool.listSessions().flatMap((session) => {
      const isOwn = session.tenant === tenant && session.id.startsWith(prefix)
      return isOwn ? [{ ...session, id: session.id.slice(prefix.length) }] : []
    })
  }

  async #visit(language: string, id: string, options: Visit): Promise<Sandbox> {
    const { pool, prefix, tenant } = this.#caller
    return pool.session(language, prefix + id, { ...options, tenant })
  }
}
