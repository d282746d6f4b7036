import type { Context, Env, Input, MiddlewareHandler } from 'hono'
import { SandboxError } from '../src/errors.js'
import { check } from '../src/schemas/check.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import { getSandboxes } from '../src/default-pool.js'
import { acquireFor } from './acquire.js'
import type { ErrorResponse } from './error-response.js'
import { errorResponse } from './error-response.js'
import { hasHandler } from './has-handler.js'
import { logError } from './logger.js'
import { MiddlewareCall } from './options.js'
import type { ResponseEnd } from './response-end.js'
import { onBodyEnd, onResponseClose, outgoingOf, socketOf } from './response-end.js'
import type { SandboxOptions, UnnamedEnv, UnnamedInput } from './sandbox-options.js'
import { onStall } from './stall.js'

/**
 * The variables that `sandbox()` adds to the context. Use `new Hono<SandboxEnv>()` if the routes of
 * the app are not chained.
 */
export interface SandboxEnv {
  Variables: {
    /** The sandbox of this request, with a leased container. */
    sandbox: Sandbox
  }
}

/**
 * Returns a middleware that leases a container before the handler runs. The handler gets the
 * sandbox with `c.get('sandbox')`. The lease ends when the last byte of the response is sent, when
 * the client disconnects, or when the handler throws. With the option `session`, the container stays
 * for further requests, and only the programs of the request end.
 *
 * If the request gets no container, the middleware sends an error response: 503 with `Retry-After`
 * if the queue is full or the wait takes too long, 503 while the pool closes, 400 for an unknown
 * language, and 501 for a WebSocket upgrade. If the middleware is mounted twice, a request gets only
 * one lease.
 *
 * A request gets no lease if no handler follows the middleware. A function with two parameters that
 * is mounted with `.use()` or `.all()` on a path that ends with `*` counts as a middleware, and each
 * other function counts as a handler.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sandbox } from 'hono-sandbox/middleware'
 *
 * const app = new Hono()
 *   .use('/run', sandbox({ language: 'python' }))
 *   .post('/run', async (c) => c.json(await c.get('sandbox').runCode(await c.req.text())))
 * ```
 */
export function sandbox<
  E extends Env = UnnamedEnv,
  P extends string = string,
  I extends Input = UnnamedInput,
>(options?: SandboxOptions<E, P, I>): MiddlewareHandler<SandboxEnv, string, {}, ErrorResponse>
// The types of the context are not those of the result: a handler would get them from there, too,
// although the middleware sets only the sandbox.
export function sandbox(
  options: SandboxOptions = {},
): MiddlewareHandler<SandboxEnv, string, {}, ErrorResponse> {
  check(MiddlewareCall, options, 'sandbox')
  const { language = 'python', logger, onUnavailable } = options
  const { stallTimeoutMs = 30_000, drainTimeoutMs = 120_000 } = options

  return async function sandboxMiddleware(c, next) {
    if (hasSandbox(c) || !hasHandler(c)) return next()
    const outgoing = outgoingOf(c)
    const disconnect = new AbortController()
    let lease: Sandbox | undefined
    let stopWatch = () => {}
    const end = (how: ResponseEnd) => {
      stopWatch()
      disconnect.abort(disconnectError())
      lease?.release(how)
    }
    onResponseClose(c, end)
    try {
      if (!outgoing && isUpgrade(c)) throw upgradeUnsupported()
      const pool = options.pool ?? getSandboxes()
      const wanted = typeof language === 'string' ? language : await language(c)
      const { signal } = disconnect
      lease = await acquireFor(c, { pool, language: wanted ?? '', signal }, options)
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error
      logError(logger, error)
      if (!onUnavailable) return errorResponse(c, error)
      // The response is set and not returned: a returned response would add its type, which only
      // the app can define, to the type of the middleware.
      c.res = await onUnavailable(error, c)
      return
    }
    const held = lease
    c.set('sandbox', held)
    try {
      await next()
    } catch (error) {
      end('failed')
      throw error
    }
    if (c.error) end('failed')
    else if (!outgoing) onBodyEnd(c, end)
    else if (!held.signal.aborted) {
      const delivery = { outgoing, socket: socketOf(c), isBusy: () => held.isBusy }
      stopWatch = onStall(delivery, { stallTimeoutMs, drainTimeoutMs }, () => end('aborted'))
      held.signal.addEventListener('abort', stopWatch, { once: true })
    }
  }
}

/**
 * Returns whether an earlier mount of the middleware has already leased a container for this
 * request.
 */
function hasSandbox(c: Context<SandboxEnv>): boolean {
  const held: Sandbox | undefined = c.get('sandbox')
  return held !== undefined
}

function isUpgrade(c: Context): boolean {
  return c.req.header('upgrade')?.toLowerCase() === 'websocket'
}

function disconnectError(): Error {
  // The reason must be an Error: Hono does not pass a thrown string to onError.
  return new DOMException('the client has disconnected', 'AbortError')
}

function upgradeUnsupported(): SandboxError {
  return new SandboxError(
    'SANDBOX_UPGRADE_UNSUPPORTED',
    'the middleware cannot lease a sandbox for a WebSocket, because the lease ends with the request',
    { suggestion: 'Use websocketSandbox() for the route of the WebSocket' },
  )
}
