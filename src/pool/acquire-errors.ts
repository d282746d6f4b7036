import type { Backoff } from './backoff.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'

/**
 * The number of failed launches in a row after which new callers are refused, if the pool has no
 * container. Before that they wait in the queue.
 */
const UNAVAILABLE_AFTER = 3
/** The errors that a retry cannot fix. New callers are refused after the first of them. */
const PERMANENT: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_ENGINE_UNAVAILABLE',
  'SANDBOX_IMAGE_MISSING',
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
  'SANDBOX_RUNTIME_MISSING',
])

/** Creates the errors of callers that get no container. */
export class AcquireErrors {
  readonly #language: string

  constructor(language: string) {
    this.#language = language
  }

  queueFull(waiting: number, retryAfterMs: number): SandboxError {
    const message = `the queue for ${this.#language} sandboxes is full: ${waiting} callers are waiting`
    return new SandboxError('SANDBOX_QUEUE_FULL', message, { retryAfterMs })
  }

  timedOut(timeoutMs: number, retryAfterMs: number, cause: SandboxError | undefined): SandboxError {
    const message = `no ${this.#language} sandbox became free within ${timeoutMs} ms`
    return new SandboxError('SANDBOX_ACQUIRE_TIMEOUT', message, { cause, retryAfterMs })
  }

  aborted(cause: unknown): SandboxError {
    const message = `the wait for a ${this.#language} sandbox was aborted`
    return new SandboxError('SANDBOX_ACQUIRE_ABORTED', message, { cause })
  }

  closed(): SandboxError {
    return new SandboxError('SANDBOX_CLOSED', `the ${this.#language} pool is closed`)
  }

  /**
   * Returns the error of a caller that would wait in vain, because launches fail. Returns
   * `undefined` if waiting makes sense. Call it only if the pool has no container.
   */
  unavailable({ lastError, failures, delayMs }: Backoff): SandboxError | undefined {
    if (!lastError || (failures < UNAVAILABLE_AFTER && !PERMANENT.has(lastError.code)))
      return undefined
    return new SandboxError(
      lastError.code,
      `no ${this.#language} sandbox is available: ${lastError.message}`,
      { cause: lastError, retryAfterMs: delayMs },
    )
  }
}
