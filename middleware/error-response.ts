import type { Context, TypedResponse } from 'hono'
import type { SandboxError, SandboxErrorCode } from '../src/errors.js'

/** The JSON body of every error the middleware answers with. */
export interface SandboxErrorBody {
  error: { code: SandboxErrorCode; message: string }
}

type Status = 400 | 500 | 501 | 503

/** An error as a response, typed for `hc` clients. */
export type ErrorResponse = Response & TypedResponse<SandboxErrorBody, Status, 'json'>

const STATUS: Readonly<Record<SandboxErrorCode, Status>> = {
  SANDBOX_ACQUIRE_ABORTED: 503,
  SANDBOX_ACQUIRE_TIMEOUT: 503,
  SANDBOX_AGENT_FAILED: 503,
  SANDBOX_CLOSED: 503,
  SANDBOX_ENGINE_FAILED: 503,
  SANDBOX_ENGINE_UNAVAILABLE: 503,
  SANDBOX_FILE_FAILED: 500,
  SANDBOX_IMAGE_MISSING: 503,
  SANDBOX_INVALID_OPTION: 500,
  SANDBOX_LEASE_ENDED: 503,
  SANDBOX_NOT_INITIALIZED: 503,
  SANDBOX_QUEUE_FULL: 503,
  SANDBOX_RUNTIME_MISSING: 503,
  SANDBOX_SETUP_FAILED: 500,
  SANDBOX_UNKNOWN_LANGUAGE: 400,
  SANDBOX_UPGRADE_UNSUPPORTED: 501,
}

const NOT_NOW = 'no sandbox can be started at the moment'

/** What a client is told where the message is for the operator or the developer. */
const FOR_CLIENTS: Readonly<Partial<Record<SandboxErrorCode, string>>> = {
  SANDBOX_AGENT_FAILED: NOT_NOW,
  SANDBOX_ENGINE_FAILED: NOT_NOW,
  SANDBOX_ENGINE_UNAVAILABLE: NOT_NOW,
  SANDBOX_IMAGE_MISSING: NOT_NOW,
  SANDBOX_LEASE_ENDED: 'the sandbox of this request is gone',
  SANDBOX_NOT_INITIALIZED: NOT_NOW,
  SANDBOX_RUNTIME_MISSING: NOT_NOW,
  SANDBOX_SETUP_FAILED: NOT_NOW,
}

/**
 * Makes an HTTP answer of a `SandboxError`: 503, with `Retry-After` where the pool can tell when;
 * 400 for an unknown language, 501 for a WebSocket upgrade, 500 else; `{ error: { code, message } }`. The message never names the engine's
 * address or an image.
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
export function errorResponse(
  c: Context,
  { code, message, retryAfterMs }: SandboxError,
): ErrorResponse {
  if (retryAfterMs !== undefined) {
    c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  }
  return c.json({ error: { code, message: FOR_CLIENTS[code] ?? message } }, STATUS[code])
}
