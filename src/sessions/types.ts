import type { AcquireSandboxOptions } from '../sandbox/about.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { SessionEnd } from '../sandbox/session-handle.js'

/** The options of `SandboxPool.session()`. */
export interface SessionOptions extends AcquireSandboxOptions {
  /**
   * The time without a request after which the session ends, in milliseconds. The latest request of
   * the session sets it. A background process does not keep a session: use `extend()`.
   *
   * @default 600_000
   */
  sessionIdleMs?: number | undefined
  /**
   * The greatest age of the session, in milliseconds. After that time it gets no further requests,
   * and it ends when its requests are over. The first request of the session sets it.
   *
   * @default 3_600_000
   */
  sessionTtlMs?: number | undefined
  /**
   * The number of requests with this option that use the session at the same time. With 1 they run
   * in their order. A request without this option never waits for others.
   *
   * @default no limit
   */
  sessionConcurrency?: number | undefined
  /**
   * Whether the call throws `SANDBOX_UNKNOWN_SESSION` instead of opening a session, if there is no
   * session with this id, or it ends.
   *
   * @default false
   */
  sessionMustExist?: boolean | undefined
}

/** A session that is open, as `listSessions()` describes it. */
export interface SessionInfo {
  id: string
  language: string
  /** The tenant of the request that opened the session. */
  tenant: string | undefined
  createdAt: Date
  /** The number of requests that use the session now. */
  requests: number
  /** The time since the last request ended, in milliseconds; 0 while there is a request. */
  idleMs: number
}

/** A session that starts, as `onSessionStart` gets it. */
export interface StartedSession extends SessionInfo {
  /**
   * The reason for the end of an earlier session with this id in this process; `undefined` if there
   * was none.
   */
  lostReason: SessionEnd | undefined
}

/** A session that ends, as `onSessionEnd` gets it. */
export interface EndedSession extends SessionInfo {
  reason: SessionEnd
}

/** The choice of the sessions that `endSession()` ends. */
export interface SessionFilter {
  /**
   * The language of the session.
   *
   * @default every language
   */
  language?: string | undefined
  /**
   * The tenant of the session.
   *
   * @default every tenant
   */
  tenant?: string | undefined
}

/** Called when a session has its container, before its first request gets the sandbox. */
export type OnSessionStart = (session: StartedSession, sandbox: Sandbox) => void | Promise<void>

/** Called when a session ends. `sandbox` is `undefined` if the container has already exited. */
export type OnSessionEnd = (
  session: EndedSession,
  sandbox: Sandbox | undefined,
) => void | Promise<void>

/** The functions that a pool calls for its sessions. */
export interface SessionHooks {
  onStart: OnSessionStart | undefined
  onEnd: OnSessionEnd | undefined
  /** The time limit of each call, in milliseconds. */
  timeoutMs: number
}
