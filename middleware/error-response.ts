import type { Context, TypedResponse } from 'hono'
import type { SandboxError, SandboxErrorCode } from '../src/errors.js'
import { SandboxFileError } from '../src/errors.js'

/** The JSON body of every error the middleware answers with. */
export interface SandboxErrorBody {
  error: { code: SandboxErrorCode; message: string }
}

type Status = 400 | 404 | 408 | 409 | 413 | 500 | 501 | 503

/** An error as a response, typed for `hc` clients. */
export type ErrorResponse = Response & TypedResponse<SandboxErrorBody, Status, 'json'>

const STATUS: Readonly<Record<SandboxErrorCode, Status>> = {
  SANDBOX_ACQUIRE_ABORTED: 503,
  SANDBOX_ACQUIRE_TIMEOUT: 503,
  SANDBOX_AGENT_FAILED: 503,
  SANDBOX_CLOSED: 503,
  SANDBOX_CONTEXT_LOST: 409,
  SANDBOX_ENGINE_FAILED: 503,
  SANDBOX_ENGINE_UNAVAILABLE: 503,
  SANDBOX_FILE_FAILED: 500,
  SANDBOX_IMAGE_MISSING: 503,
  SANDBOX_INTERPRETER_MISSING: 503,
  SANDBOX_INVALID_OPTION: 500,
  SANDBOX_LEASE_ENDED: 503,
  SANDBOX_NOT_INITIALIZED: 503,
  SANDBOX_PRELOAD_FAILED: 503,
  SANDBOX_PROCESS_EXITED: 500,
  SANDBOX_QUEUE_FULL: 503,
  SANDBOX_RUNTIME_MISSING: 503,
  SANDBOX_SETUP_FAILED: 500,
  SANDBOX_STDIN_CLOSED: 500,
  SANDBOX_TOO_MANY_CONTEXTS: 409,
  SANDBOX_UNKNOWN_CONTEXT: 404,
  SANDBOX_UNKNOWN_LANGUAGE: 400,
  SANDBOX_UNKNOWN_PROCESS: 404,
  SANDBOX_UPGRADE_UNSUPPORTED: 501,
  SANDBOX_UPLOAD_INVALID: 400,
  SANDBOX_UPLOAD_TIMEOUT: 408,
  SANDBOX_UPLOAD_TOO_LARGE: 413,
  SANDBOX_WAIT_TIMEOUT: 500,
}

const NOT_NOW = 'no sandbox can be started at the moment'

/** What a client is told where the message is for the operator or the developer. */
const FOR_CLIENTS: Readonly<Partial<Record<SandboxErrorCode, string>>> = {
  SANDBOX_AGENT_FAILED: NOT_NOW,
  SANDBOX_ENGINE_FAILED: NOT_NOW,
  SANDBOX_ENGINE_UNAVAILABLE: NOT_NOW,
  SANDBOX_IMAGE_MISSING: NOT_NOW,
  SANDBOX_INTERPRETER_MISSING: NOT_NOW,
  SANDBOX_LEASE_ENDED: 'the sandbox of this request is gone',
  SANDBOX_NOT_INITIALIZED: NOT_NOW,
  SANDBOX_PRELOAD_FAILED: NOT_NOW,
  // What a process has written may be anything, and is for whoever started it.
  SANDBOX_PROCESS_EXITED: 'a process has ended too soon',
  SANDBOX_RUNTIME_MISSING: NOT_NOW,
  SANDBOX_SETUP_FAILED: NOT_NOW,
  SANDBOX_STDIN_CLOSED: 'the program reads no more input',
  SANDBOX_WAIT_TIMEOUT: 'something was not ready in time',
}

/**
 * What a client is told of a `SandboxError`, as `errorResponse` says it; for where the answer is no
 * response of its own, as in a WebSocket. Never a text that is for the operator.
 *
 * @example
 * ```ts
 * import { SandboxError } from 'hono-sandbox'
 * import { errorBody } from 'hono-sandbox/middleware'
 *
 * const error = new SandboxError('SANDBOX_CLOSED', 'the pool is closed')
 * console.log(JSON.stringify(errorBody(error)))
 * ```
 */
export function errorBody({ code, message }: SandboxError): SandboxErrorBody {
  return { error: { code, message: FOR_CLIENTS[code] ?? message } }
}

/** Nothing is where a path leads to: the one failure of a file that is the client's to know. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Makes an HTTP answer of a `SandboxError`: 503, with `Retry-After` where the pool can tell when;
 * 400 for an unknown language and an upload that cannot be read, 408 for one that stalls, 413 for one that is too large, 404
 * for an unknown process or context and a file that is not there, 409 for a context that is lost or
 * one too many, 501 for a WebSocket upgrade, 500 else;
 * `{ error: { code, message } }`. The message never names the engine's address or an image, and
 * repeats nothing that a process has written.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { SandboxError } from 'hono-sandbox'
 * import { errorResponse } from 'hono-sandbox/middleware'
 *
 * const app = new Hono()
 * app.onError((error, c) => {
 *   if (error instanceof SandboxError) return errorResponse(c, error)
 *   return c.text('Internal Server Error', 500)
 * })
 * ```
 */
export function errorResponse(c: Context, error: SandboxError): ErrorResponse {
  const { code, retryAfterMs } = error
  if (retryAfterMs !== undefined) {
    c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  }
  const isMissing = error instanceof SandboxFileError && NOT_THERE.has(error.errno)
  return c.json(errorBody(error), isMissing ? 404 : STATUS[code])
}
