import { SandboxError } from '../errors.js'

/**
 * The time after which a request that got no turn in its session retries, in milliseconds. The end of
 * the requests before it is not known.
 */
const RETRY_MS = 1000

/** Creates the errors of requests that get no session. No message contains an id or a tenant. */
export class SessionErrors {
  readonly #language: string

  constructor(language: string) {
    this.#language = language
  }

  tooMany(max: number, retryAfterMs: number | undefined): SandboxError {
    const message = `no place for a further session of ${this.#language}: the maximum is ${max}`
    return new SandboxError('SANDBOX_TOO_MANY_SESSIONS', message, optionsOf(retryAfterMs))
  }

  tooManyOfTenant(max: number, retryAfterMs: number | undefined): SandboxError {
    const message = `this tenant has no place for a further session of ${this.#language}: its maximum is ${max}`
    return new SandboxError('SANDBOX_TENANT_LIMIT', message, optionsOf(retryAfterMs))
  }

  noPlace(max: number): SandboxError {
    return new SandboxError(
      'SANDBOX_INVALID_OPTION',
      `${this.#language} has no place for a session: its max is ${max}`,
      {
        suggestion: 'Raise max to 2 or more: one container is kept for requests without a session',
      },
    )
  }

  queueFull(waiting: number): SandboxError {
    const message = `the queue of this ${this.#language} session is full: ${waiting} requests wait`
    return new SandboxError('SANDBOX_QUEUE_FULL', message, { retryAfterMs: RETRY_MS })
  }

  noTurn(timeoutMs: number, waiting: number): SandboxError {
    const ms = Math.round(timeoutMs)
    const message = `this request of a ${this.#language} session got no turn within ${ms} ms, ${waiting} others waiting`
    return new SandboxError('SANDBOX_ACQUIRE_TIMEOUT', message, { retryAfterMs: RETRY_MS })
  }

  timedOut(timeoutMs: number): SandboxError {
    const message = `no ${this.#language} session became available within ${timeoutMs} ms`
    return new SandboxError('SANDBOX_ACQUIRE_TIMEOUT', message, { retryAfterMs: RETRY_MS })
  }

  aborted(cause: unknown): SandboxError {
    const message = `the wait for a ${this.#language} session was aborted`
    return new SandboxError('SANDBOX_ACQUIRE_ABORTED', message, { cause })
  }

  startFailed(cause: unknown): SandboxError {
    const reason = cause instanceof Error ? cause.message : 'it threw a value'
    const message = `onSessionStart of a ${this.#language} session failed: ${reason}`
    return new SandboxError('SANDBOX_SESSION_START_FAILED', message, { cause })
  }

  closed(): SandboxError {
    return new SandboxError('SANDBOX_CLOSED', `the ${this.#language} pool is closed`)
  }
}

/** Returns the error of a request for a session that must exist. */
export function unknownSession(): SandboxError {
  return new SandboxError(
    'SANDBOX_UNKNOWN_SESSION',
    'there is no session with this id, or it has ended',
  )
}

function optionsOf(retryAfterMs: number | undefined): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}
