import type { Backoff } from './backoff.js'
import type { SandboxErrorCode } from '../errors.js'
import { SandboxError } from '../errors.js'

/** After so many failures in a row with nothing alive, a new caller is told instead of queued. */
const HOPELESS_AFTER = 3
/** Causes that the next try will not find gone. */
const LASTING: ReadonlySet<SandboxErrorCode> = new Set([
  'SANDBOX_ENGINE_UNAVAILABLE',
  'SANDBOX_IMAGE_MISSING',
  'SANDBOX_INTERPRETER_MISSING',
  'SANDBOX_PRELOAD_FAILED',
  'SANDBOX_RUNTIME_MISSING',
])

/** What a pool says to those who get nothing. */
export class Refusals {
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

  diedIdle(name: string): SandboxError {
    return new SandboxError('SANDBOX_AGENT_FAILED', `${name} died while nobody held it`)
  }

  /** Why nothing will come soon, where nothing is alive and launches fail. */
  hopeless({ lastError, failures, delayMs }: Backoff): SandboxError | undefined {
    if (!lastError || (failures < HOPELESS_AFTER && !LASTING.has(lastError.code))) return undefined
    return new SandboxError(
      lastError.code,
      `there is no ${this.#language} sandbox: ${lastError.message}`,
      { cause: lastError, retryAfterMs: delayMs },
    )
  }
}

/** Why a container is missing in the report of a start that waits no longer. */
export function notUp(language: string): SandboxError {
  const message = `a ${language} sandbox was not up within startTimeoutMs`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', `${message}; the pool goes on launching`)
}

/** What is told of a container that may still be there after the pool was closed. */
export function notGone(name: string): SandboxError {
  const message = `the engine has not confirmed in time that ${name} is gone`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', message, {
    suggestion: 'Look whether it is gone when the engine answers again',
  })
}

/** Whatever a launch or a removal threw, as the one class of error that leaves the library. */
export function asSandboxError(error: unknown, name: string): SandboxError {
  if (error instanceof SandboxError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SandboxError('SANDBOX_ENGINE_FAILED', `${name} failed: ${message}`, { cause: error })
}
