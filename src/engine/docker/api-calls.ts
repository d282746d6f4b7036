import { deadlineIn } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { SandboxError } from '../../errors.js'

/** Calls the engine, which may hang or stop. Each call has a deadline and fails with a SandboxError. */
export class DockerCalls {
  readonly #address: string
  readonly #timeoutMs: number

  constructor(address: string, timeoutMs: number) {
    this.#address = address
    this.#timeoutMs = timeoutMs
  }

  /** Makes one call with a deadline. Without it, some calls never settle after the engine has stopped. */
  async bounded<T>(
    operation: string,
    call: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const deadline = deadlineIn(this.#timeoutMs, signal)
    const expired = deferred<never>()
    deadline.signal.addEventListener('abort', () => expired.reject(deadline.signal.reason))
    try {
      return await Promise.race([call(deadline.signal), expired.promise])
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.failed(operation, error)
    } finally {
      deadline.clear()
    }
  }

  /** Returns the SandboxError of a failed call. */
  failed(operation: string, error: unknown): SandboxError {
    const message = error instanceof Error ? error.message : String(error)
    if (statusOf(error) !== undefined) {
      const refused = `the engine refused to ${operation}: ${message}`
      return new SandboxError('SANDBOX_ENGINE_FAILED', refused, { cause: error })
    }
    return new SandboxError(
      'SANDBOX_ENGINE_UNAVAILABLE',
      `no container engine answers at ${this.#address} (to ${operation}: ${message})`,
      {
        cause: error,
        suggestion: 'Start Docker, run `npx hono-sandbox setup`, or set DOCKER_HOST',
      },
    )
  }
}

/** Returns the HTTP status of the engine's answer, also from the cause of an error. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  if ('statusCode' in error && typeof error.statusCode === 'number') return error.statusCode
  return statusOf(error.cause)
}
