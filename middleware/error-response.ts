import type { Context, TypedResponse } from 'hono'
import type { SandboxError, SandboxErrorCode } from '../src/errors.js'
import { SandboxFileError } from '../src/errors.js'

/** The JSON body of an error response of the middleware. */
export interface SandboxErrorBody {
  error: { code: SandboxErrorCode; message: string }
}

type Status = 400 | 403 | 404 | 408 | 409 | 413 | 429 | 500 | 501 | 503

/**
 * The error responses of the middleware by their status, for the helper type `ApplyGlobalResponse`
 * of `hono/client`. It adds them to the routes of an app that has `sandbox()` in `.use()`.
 */
export type SandboxErrorResponses = Readonly<Record<Status, { json: SandboxErrorBody }>>

/** An error response, with a type for clients of Hono's `hc`. */
export type ErrorResponse = Response & TypedResponse<SandboxErrorBody, Status, 'json'>

const STATUS: Readonly<Record<SandboxErrorCode, Status>> = {
  SANDBOX_ACQUIRE_ABORTED: 503,
  SANDBOX_ACQUIRE_TIMEOUT: 503,
  SANDBOX_AGENT_FAILED: 503,
  SANDBOX_ARCHIVE_REFUSED: 400,
  SANDBOX_ARCHIVE_TOO_LARGE: 413,
  SANDBOX_CLOSED: 503,
  SANDBOX_CONTEXT_LOST: 409,
  SANDBOX_ENGINE_FAILED: 503,
  SANDBOX_ENGINE_UNAVAILABLE: 503,
  SANDBOX_FILE_FAILED: 500,
  SANDBOX_IMAGE_MISSING: 503,
  SANDBOX_INTERPRETER_MISSING: 503,
  SANDBOX_INVALID_OPTION: 500,
  SANDBOX_ISOLATION_WEAK: 503,
  SANDBOX_LEASE_ENDED: 503,
  SANDBOX_NOT_INITIALIZED: 503,
  SANDBOX_ORIGIN_REFUSED: 403,
  SANDBOX_PRELOAD_FAILED: 503,
  SANDBOX_PROCESS_EXITED: 500,
  SANDBOX_QUEUE_FULL: 503,
  SANDBOX_RUNTIME_MISSING: 503,
  SANDBOX_SESSION_START_FAILED: 503,
  SANDBOX_SETUP_FAILED: 500,
  SANDBOX_STDIN_CLOSED: 500,
  SANDBOX_TENANT_LIMIT: 429,
  SANDBOX_TOO_MANY_CONTEXTS: 409,
  SANDBOX_TOO_MANY_CONVERSATIONS: 503,
  SANDBOX_TOO_MANY_SESSIONS: 503,
  SANDBOX_UNKNOWN_CONTEXT: 404,
  SANDBOX_UNKNOWN_LANGUAGE: 400,
  SANDBOX_UNKNOWN_PROCESS: 404,
  SANDBOX_UNKNOWN_SESSION: 404,
  SANDBOX_UPGRADE_UNSUPPORTED: 501,
  SANDBOX_UPLOAD_INVALID: 400,
  SANDBOX_UPLOAD_TIMEOUT: 408,
  SANDBOX_UPLOAD_TOO_LARGE: 413,
  SANDBOX_WAIT_TIMEOUT: 500,
}

const UNAVAILABLE = 'no sandbox can be started at the moment'

/** The messages for clients that replace messages for the operator or the developer. */
const FOR_CLIENTS: Readonly<Partial<Record<SandboxErrorCode, string>>> = {
  SANDBOX_AGENT_FAILED: UNAVAILABLE,
  SANDBOX_ENGINE_FAILED: UNAVAILABLE,
  SANDBOX_ENGINE_UNAVAILABLE: UNAVAILABLE,
  SANDBOX_IMAGE_MISSING: UNAVAILABLE,
  SANDBOX_INTERPRETER_MISSING: UNAVAILABLE,
  SANDBOX_ISOLATION_WEAK: UNAVAILABLE,
  SANDBOX_LEASE_ENDED: 'the sandbox of this request is no longer available',
  SANDBOX_NOT_INITIALIZED: UNAVAILABLE,
  SANDBOX_ORIGIN_REFUSED: 'a page of this origin must not call this server',
  SANDBOX_PRELOAD_FAILED: UNAVAILABLE,
  // The original message contains output of the process, which only the starter of the process may
  // see.
  SANDBOX_PROCESS_EXITED: 'a process exited too early',
  SANDBOX_RUNTIME_MISSING: UNAVAILABLE,
  SANDBOX_SESSION_START_FAILED: 'the session could not be started',
  SANDBOX_SETUP_FAILED: UNAVAILABLE,
  SANDBOX_STDIN_CLOSED: 'the program does not accept further input',
  SANDBOX_WAIT_TIMEOUT: 'a part of the sandbox was not ready in time',
}

/**
 * Returns the body that `errorResponse()` sends for a `SandboxError`. Use it if the answer is not
 * an HTTP response, for example in a message of a WebSocket. The body never contains text that is
 * meant for the operator.
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

/**
 * The file errors with the status 404: the file does not exist. Other file errors have the status
 * 500.
 */
const MISSING_FILE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Returns the HTTP response for a `SandboxError`, with the body `{ error: { code, message } }`. The
 * message never contains the address of the engine, the name of an image or output of a process.
 *
 * The status is 503 if no sandbox is available, and 429 if the tenant has reached its own bound, both
 * with `Retry-After` if the pool knows the time of a retry. It is 400 for an unknown language, an
 * invalid upload and a refused archive, 403 for a page of another origin, 404 for an unknown process,
 * context or session and a file that does not exist, 408 for a stalled upload, 409 for a lost context and too
 * many contexts, 413 for an upload or an archive that is too large, 501 for a WebSocket upgrade, and
 * 500 for all other errors.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { HTTPException } from 'hono/http-exception'
 * import { SandboxError } from 'hono-sandbox'
 * import { errorResponse } from 'hono-sandbox/middleware'
 *
 * const app = new Hono()
 * app.onError((error, c) => {
 *   if (error instanceof SandboxError) return errorResponse(c, error)
 *   if (error instanceof HTTPException) return error.getResponse()
 *   return c.text('Internal Server Error', 500)
 * })
 * ```
 */
export function errorResponse(c: Context, error: SandboxError): ErrorResponse {
  const { code, retryAfterMs } = error
  if (retryAfterMs !== undefined) {
    c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  }
  const isMissing = error instanceof SandboxFileError && MISSING_FILE.has(error.errno)
  return c.json(errorBody(error), isMissing ? 404 : STATUS[code])
}
