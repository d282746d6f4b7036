import type { Channel } from '../agent/channel.js'
import type { Lease } from '../pool/lease.js'
import type { AcquireOptions } from '../pool/types.js'
import type { SandboxAbout } from '../sandbox/about.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import { SandboxState } from '../sandbox/state.js'
import type { SessionEnd } from '../sandbox/session-handle.js'
import { within } from '../util/deadline.js'
import { HookCalls } from './hooks.js'
import { LostSessions } from './lost-sessions.js'
import { Patience } from './patience.js'
import type { Place, SessionBounds } from './places.js'
import { Places } from './places.js'
import { SessionErrors, unknownSession } from './session-errors.js'
import type { SessionParts } from './session.js'
import { Session } from './session.js'
import type { SessionFilter, SessionHooks, SessionInfo, SessionOptions } from './types.js'

const DEFAULT_IDLE_MS = 10 * 60_000
const DEFAULT_TTL_MS = 60 * 60_000
/** The part of the deadline of `close()` that is kept for `onSessionEnd`. */
const SAVE_PART = 1 / 4

/** The parts of the pool of one language that its sessions need. */
interface SessionsOptions {
  language: string
  /** The bounds at this moment. The `max` of a pool can change. */
  bounds: () => SessionBounds
  /** The default time to live of the lease of a request, in milliseconds. */
  leaseTtlMs: number
  /** Leases a container without a time limit. */
  acquire: (options: AcquireOptions) => Promise<Lease<Channel>>
  /** Describes the sandboxes of the language. */
  about: () => SandboxAbout
  hooks: SessionHooks
}

/** A session that waits for its container or its `onSessionStart`. */
interface Opening {
  id: string
  tenant: string | undefined
  /** Resolves when the first request has its turn, or the session could not be opened. It never rejects. */
  settled: Promise<unknown>
}

/**
 * The sessions of one language. A session is found by its id and its tenant, so the id of one
 * tenant never opens the session of another.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #errors: SessionErrors
  readonly #places: Places
  readonly #lost = new LostSessions()
  /** The sessions that have not ended, by key. */
  readonly #open = new Map<string, Session>()
  /** The sessions that open, by key. */
  readonly #opening = new Map<string, Opening>()
  #isClosed = false

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#errors = new SessionErrors(options.language)
    this.#places = new Places(options.bounds, this.#errors)
  }

  /** The number of sessions, from before the launch until the container has left. */
  get size(): number {
    return this.#places.size
  }

  /**
   * Gives the sandbox of a session to a request, and opens the session if there is none. All first
   * requests of a session wait for the same container.
   */
  async visit(id: string, options: SessionOptions): Promise<Sandbox> {
    const { timeoutMs = 10_000, signal, tenant } = options
    const key = JSON.stringify([tenant ?? null, id])
    const patience = new Patience(timeoutMs, signal, this.#errors)
    for (;;) {
      if (this.#isClosed) throw this.#errors.closed()
      const opening = this.#opening.get(key)
      const session = this.#open.get(key)
      if (opening) await patience.until(opening.settled)
      else if (options.sessionMustExist && (!session || session.isEnding)) throw unknownSession()
      else if (session?.isEnding) await patience.until(session.over)
      else {
        const sandbox = session
          ? await this.#visit(session, options, patience)
          : await this.#openSession(key, id, options, patience)
        if (sandbox) return sandbox
      }
    }
  }

  list(): SessionInfo[] {
    return Array.from(this.#open.values(), ({ info }) => info)
  }

  /**
   * Ends the sessions with this id. A session that opens is ended when it is open. Returns how many
   * sessions there were, when they have ended.
   */
  async end(id: string, { tenant }: SessionFilter): Promise<number> {
    const isChosen = (session: Pick<SessionInfo, 'id' | 'tenant'>) =>
      session.id === id && (tenant === undefined || session.tenant === tenant)
    const open = [...this.#open.values()].filter(({ info }) => isChosen(info))
    const opening = [...this.#opening].filter(([, session]) => isChosen(session))
    const ends = open.map((session) => session.end('ended'))
    for (const [key, { settled }] of opening) {
      await settled
      const session = this.#open.get(key)
      if (session) ends.push(session.end('ended'))
    }
    await Promise.all(ends)
    return ends.length
  }

  /**
   * Refuses new requests, and ends each session as soon as its requests are over. Resolves when all
   * sessions have ended, at the latest at the deadline. If there is an `onSessionEnd`, the requests
   * end before the deadline: without this time, it could save nothing.
   */
  async close({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#isClosed = true
    const sessions = [...this.#open.values()]
    const over = Promise.all(sessions.map((session) => session.end('closed')))
    const { onEnd, timeoutMs } = this.#options.hooks
    const saveMs = onEnd ? Math.min(timeoutMs, deadlineMs * SAVE_PART) : 0
    await within(deadlineMs - saveMs, over)
    for (const session of sessions) session.endRequests()
    await within(saveMs, over)
  }

  /** Returns `undefined` if the session has ended. */
  #visit(
    session: Session,
    options: SessionOptions,
    { leftMs: timeoutMs, signal }: Patience,
  ): Promise<Sandbox | undefined> {
    return session.visit({
      timeoutMs,
      signal,
      leaseTtlMs: options.leaseTtlMs ?? this.#options.leaseTtlMs,
      idleMs: options.sessionIdleMs ?? DEFAULT_IDLE_MS,
      concurrency: options.sessionConcurrency ?? Number.POSITIVE_INFINITY,
      env: { ...this.#options.about().env, ...options.env },
    })
  }

  /** Opens a session, in which this request gets the first turn. */
  async #openSession(
    key: string,
    id: string,
    options: SessionOptions,
    patience: Patience,
  ): Promise<Sandbox | undefined> {
    const visited = this.#launch(key, id, options, patience).then((session) =>
      this.#visit(session, options, patience),
    )
    // The other requests of the session try again themselves if this request fails: its time may be
    // over, or its client may have left.
    const settled = Promise.allSettled([visited])
    this.#opening.set(key, { id, tenant: options.tenant, settled })
    try {
      return await visited
    } finally {
      this.#opening.delete(key)
    }
  }

  async #launch(
    key: string,
    id: string,
    { tenant, sessionTtlMs = DEFAULT_TTL_MS }: SessionOptions,
    patience: Patience,
  ): Promise<Session> {
    const place = await this.#places.take(tenant, patience)
    try {
      const { leftMs: timeoutMs, signal } = patience
      const lease = await this.#options.acquire({ timeoutMs, signal, tenant })
      return await this.#start(key, place, lease, { id, tenant, ttlMs: sessionTtlMs })
    } catch (error) {
      this.#places.free(place)
      throw error
    }
  }

  /**
   * Calls `onSessionStart`, and opens the session. If that fails, the container is removed without
   * `onSessionEnd`: it would save what was not completely restored.
   */
  async #start(
    key: string,
    place: Place,
    lease: Lease<Channel>,
    session: { id: string; tenant: string | undefined; ttlMs: number },
  ): Promise<Session> {
    const about = this.#options.about()
    lease.touch()
    const state = new SandboxState(lease, about)
    const hooks = new HookCalls(this.#options.hooks, state, about)
    const lostReason = this.#lost.take(key)
    try {
      if (this.#isClosed) throw this.#errors.closed()
      const { id, tenant } = session
      const info = { id, tenant, language: about.language, createdAt: new Date(), lostReason }
      await hooks.start({ ...info, requests: 0, idleMs: 0 }, this.#errors)
      if (this.#isClosed) throw this.#errors.closed()
    } catch (error) {
      if (lostReason) this.#lost.remember(key, lostReason)
      lease.end(this.#isClosed ? 'closed' : 'failed')
      throw error
    }
    return this.#keep(key, place, state, { ...session, about, lostReason, hooks })
  }

  #keep(
    key: string,
    place: Place,
    state: SandboxState,
    parts: Pick<SessionParts, 'id' | 'tenant' | 'ttlMs' | 'about' | 'lostReason' | 'hooks'>,
  ): Session {
    const session = new Session(state, {
      ...parts,
      maxWaiting: this.#options.bounds().maxWaiting,
      errors: this.#errors,
      onIdle: (idle) => this.#places.offer(idle),
    })
    place.session = session
    this.#open.set(key, session)
    void session.over.then((reason) => this.#forget(key, place, reason))
    return session
  }

  #forget(key: string, place: Place, reason: SessionEnd): void {
    this.#open.delete(key)
    this.#lost.remember(key, reason)
    this.#places.free(place)
  }
}

/** Returns the greatest number of sessions: one container is left for requests without a session. */
export function sessionLimit(max: number, maxSessions = Number.POSITIVE_INFINITY): number {
  return Math.min(maxSessions, max - 1)
}
