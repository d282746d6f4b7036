import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { SandboxError } from 'hono-sandbox'
import { errorResponse } from 'hono-sandbox/middleware'
import { log } from '../operator/log.js'
import { errorBody, Refusal } from './refusal.js'

/** Returns the response for an error of a handler. All errors have the same JSON shape. */
export function answerError(error: Error, c: Context): Response {
  if (error instanceof SandboxError) return errorResponse(c, error)
  if (error instanceof Refusal) {
    const { code, message, status, headers } = error
    return c.json(errorBody(code, message), status, headers)
  }
  if (error instanceof HTTPException) {
    const response = error.getResponse()
    // The new response also has the headers that a middleware has set before the error.
    return c.newResponse(response.body, response)
  }
  // The client disconnected during its request. This is not an error of the server.
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400)
  log.error({ event: 'internalError', err: error })
  return c.json(errorBody('INTERNAL', 'Internal Server Error'), 500)
}
