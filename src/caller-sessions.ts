import { randomBytes } from 'node:crypto'
import { SandboxError } from './errors.js'
import type { SandboxPool } from './sandbox-pool.js'
import type { Sandbox } from './sandbox/sandbox.js'
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
    return { id, sandbox: await this.#visit(language, id, options) }
  }

  /**
   * Returns the sandbox of a session for one call.
   *
   * @throws SandboxError `SANDBOX_UNKNOWN_SESSION` if the caller has no session with this id.
   */
  async visit(id: string, options: Visit): Promise<Sandbox> {
    const found = this.find(id)
    if (!found) throw unknownSession()
    const sandbox = await this.#visit(found.language, id, options)
    // The `Date` identifies the session. If the session ended while the call waited for it, the
    // pool has opened another session, which has another `Date`.
    if (this.find(id)?.createdAt === found.createdAt) return sandbox
    await sandbox.session?.end()
    throw unknownSession()
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

function unknownSession(): SandboxError {
  return new SandboxError(
    'SANDBOX_UNKNOWN_SESSION',
    'there is no session with this id, or it has ended',
  )
}
