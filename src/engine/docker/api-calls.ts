import { deadlineIn } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { SandboxError } from '../../errors.js'

/** Calls to an engine that may hang or go away: each has a deadline, and fails as a SandboxError. */
export class DockerCalls {
  readonly #address: string
  readonly #timeoutMs: number
  readonly #pending = new Map<string, Promise<unknown>>()

  constructor(address: string, timeoutMs: number) {
    this.#address = address
    this.#timeoutMs = timeoutMs
  }

  /** One call with a deadline: without a deadline, some never settle when the engine goes away. */
  async bounded<T>(
    what: string,
    call: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const deadline = deadlineIn(this.#timeoutMs, signal)
    const over = deferred<never>()
    deadline.signal.addEventListener('abort', () => over.reject(deadline.signal.reason))
    try {
      return await Promise.race([call(deadline.signal), over.promise])
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.failed(what, error)
    } finally {
      deadline.clear()
    }
  }

  /**
   * One request at a time for a call that dockerode cannot abort: a request that a hanging engine does
   * not answer holds a connection.
   */
  once(what: string, call: () => Promise<unknown>): Promise<unknown> {
    const pending = this.#pending.get(what)
    if (pending) return pending
    const answer = call().finally(() => this.#pending.delete(what))
    this.#pending.set(what, answer)
    return answer
  }

  failed(what: string, error: unknown): SandboxError {
    const message = error instanceof Error ? error.message : String(error)
    if (statusOf(error) !== undefined) {
      const refused = `the engine refused to ${what}: ${message}`
      return new SandboxError('SANDBOX_ENGINE_FAILED', refused, { cause: error })
    }
    return new SandboxError(
      'SANDBOX_ENGINE_UNAVAILABLE',
      `no container engine answers at ${this.#address} (to ${what}: ${message})`,
      {
        cause: error,
        suggestion: 'Start Docker, run `npx hono-sandbox setup`, or set DOCKER_HOST',
      },
    )
  }
}

/** The HTTP status the engine answered with, also if the error was wrapped. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  if ('statusCode' in error && typeof error.statusCode === 'number') return error.statusCode
  return statusOf(error.cause)
}
