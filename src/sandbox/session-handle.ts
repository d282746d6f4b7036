/** The reason for the end of a session. */
export type SessionEnd =
  /** No request used the session for `sessionIdleMs`. */
  | 'idle'
  /** The session was older than `sessionTtlMs`. */
  | 'ttl'
  /** The session made room for another one: see the option `evictIdle` of the pool. */
  | 'evicted'
  /** `end()` or `endSession()` was called. */
  | 'ended'
  /** The container exited. */
  | 'crash'
  /** The container exited because its memory was exhausted. */
  | 'oom'
  /** The pool closed. */
  | 'closed'

/** The session of a sandbox, as one request sees it: `c.get('sandbox').session`. */
export interface SandboxSession {
  /** The id of the session. */
  readonly id: string
  /**
   * Whether this request is the first one of the session. The container is fresh then: restore its
   * files. It is `true` for one request of any route, even if several come at once. So create a
   * context if `listCodeContexts()` is empty, not if `isNew` is `true`.
   */
  readonly isNew: boolean
  /**
   * The reason for the end of an earlier session with this id, whose variables and files are gone.
   * Only the first request of the next session gets it.
   */
  readonly lostReason: SessionEnd | undefined
  /**
   * Keeps the session for at least `ms` milliseconds from now: it ends neither because it is idle
   * nor because of its age before that time.
   *
   * @throws SandboxError `SANDBOX_INVALID_OPTION` if `ms` is not a time.
   */
  extend(ms: number): void
  /**
   * Ends the session with all of its requests and programs. Resolves when `onSessionEnd` has been
   * called and its promise has settled. The next request with this id gets a new container.
   */
  end(): Promise<void>
}
