/** The reason of a {@link SandboxClientError}. */
export type ClientErrorReason =
  /** The server answered with an error status, or did not accept the WebSocket. */
  | 'refused'
  /**
   * The stream ended without `exit` and without `error`. The program may have run completely, so run
   * it again only if that is harmless.
   */
  | 'cut'
  /** The run ended with an `error` event. */
  | 'failed'
  /** The answer is not a stream of this library, or an event is too long. */
  | 'invalid'

/** The fields of a {@link SandboxClientError} beside its reason and its message. */
export interface ClientErrorDetails {
  code?: string | undefined
  status?: number | undefined
  retryAfterMs?: number | undefined
  cause?: unknown
}

/**
 * The error of every function of `hono-sandbox/client`. Decide by `reason`, and by `code` if the
 * server has sent one.
 *
 * @example
 * ```ts
 * import { runStream, SandboxClientError } from 'hono-sandbox/client'
 *
 * const busy = () => Response.json({ error: { code: 'BUSY', message: 'busy' } }, { status: 503 })
 * try {
 *   await runStream(busy)
 * } catch (error) {
 *   if (error instanceof SandboxClientError) console.log(error.reason, error.code, error.status)
 * }
 * ```
 */
export class SandboxClientError extends Error {
  override readonly name = 'SandboxClientError'
  readonly reason: ClientErrorReason
  /** The code of the server, such as `SANDBOX_QUEUE_FULL`; missing if the server sent none. */
  readonly code: string | undefined
  /** The HTTP status of a refused request. */
  readonly status: number | undefined
  /** The time after which a retry may succeed, in milliseconds; missing if it is unknown. */
  readonly retryAfterMs: number | undefined

  constructor(reason: ClientErrorReason, message: string, details: ClientErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.reason = reason
    this.code = details.code
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
  }
}

/** Returns the error of a stream that ended too early. */
export function cut(message: string, cause?: unknown): SandboxClientError {
  return new SandboxClientError('cut', `${message}: the end of the program is unknown`, { cause })
}
