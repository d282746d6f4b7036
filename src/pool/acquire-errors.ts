import type { Backoff } from './backoff.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'

/** After so many failures in a row with nothing alive, a new caller is told instead of queued. */
const UNAVAILABLE_AFTER = 3
/** Causes that the next try will not find gone. */
const PERMANENT: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_ENGINE_UNAVAILABLE',
  'SANDBOX_IMAGE_MISSING',
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
  'SANDBOX_RUNTIME_MISSING',
])

/** What a pool says to those who get nothing. */
export class AcquireErrors {
  readonly #language: string

  constructor(language: string) {
    this.#language = language
  }

  queueFull(waiting: number, retryAfterMs: number): SandboxError {
    const why = `${waiting} callers are waiting already`
    return new SandboxError('SANDBOX_QUEUE_FULL', `no ${this.#language} sandbox: ${why}`, {
      retryAfterMs,
    })
  }

  timedOut(timeoutMs: number, retryAfterMs: number, cause: SandboxError | undefined): SandboxError {
    const why = `none came free within ${timeoutMs} ms`
    return new SandboxError('SANDBOX_ACQUIRE_TIMEOUT', `no ${this.#language} sandbox: ${why}`, {
      cause,
      retryAfterMs,
    })
  }

  aborted(cause: unknown): SandboxError {
    const message = `the wait for a ${this.#language} sandbox was aborted`
    return new SandboxError('SANDBOX_ACQUIRE_ABORTED', message, { cause })
  }

  closed(): SandboxError {
    return new SandboxError('SANDBOX_CLOSED', `the ${this.#language} pool is closed`)
  }

  /** Why nothing will come soon, where nothing is alive and launches fail. */
  unavailable({ lastError, failures, delayMs }: Backoff): SandboxError | undefined {
    if (!lastError || (failures < UNAVAILABLE_AFTER && !PERMANENT.has(lastError.code)))
      return undefined
    return new SandboxError(
      lastError.code,
      `there is no ${this.#language} sandbox: ${lastError.message}`,
      { cause: lastError, retryAfterMs: delayMs },
    )
  }
}
