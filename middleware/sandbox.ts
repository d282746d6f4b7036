import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { findTargetHandler, isMiddleware } from 'hono/utils/handler'
import { SandboxError } from '../src/errors.js'
import { check } from '../src/schemas/check.js'
import type { Language } from '../src/languages/built-in.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import type { SandboxPool } from '../src/sandbox-pool.js'
import { getSandboxes } from '../src/default-pool.js'
import type { ErrorResponse } from './error-response.js'
import { errorResponse } from './error-response.js'
import { MiddlewareCall } from './options.js'
import type { ResponseEnd } from './response-end.js'
import { onBodyEnd, onResponseClose, outgoingOf, socketOf } from './response-end.js'
import { onStall } from './stall.js'

/** What the middleware puts into the context: `new Hono<SandboxEnv>()` for the statement style. */
export interface SandboxEnv {
  Variables: {
    /** The container this request holds. */
    sandbox: Sandbox
  }
}

/** What the middleware takes. */
export interface SandboxOptions {
  /**
   * The language, or how to tell it from the request. Validate the body before this middleware: a
   * client that leaves while a large body is unread is not noticed.
   *
   * @default 'python'
   */
  language?: Language | ((c: Context) => Language | undefined | Promise<Language | undefined>)
  /**
   * The pool.
   *
   * @default the one of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * How long a request may wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * How long the client may take no byte of the response, in milliseconds, while no call of the
   * sandbox is under way. Then the lease ends; what is left of the response comes without a sandbox.
   *
   * @default 30_000
   */
  stallTimeoutMs?: number | undefined
  /**
   * How long a client that takes the response slowly may keep the sandbox after its last call, in
   * milliseconds. Then the lease ends.
   *
   * @default 120_000
   */
  drainTimeoutMs?: number | undefined
  /** Answers in place of the middleware when there is no container to be had. */
  onUnavailable?: ((error: SandboxError, c: Context) => Response | Promise<Response>) | undefined
}

/**
 * Leases a container before the handler runs, as `c.get('sandbox')`, and ends the lease when the
 * response is over: when its last byte is sent, the client is gone, or the handler threw.
 *
 * Where there is none it answers itself: 503 with `Retry-After` when the line is full or the wait too
 * long, 503 while the pool closes, 400 for an unknown language, 501 for a WebSocket upgrade. A path
 * that no handler answers takes no lease; a second mount reuses the first one's.
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
export const sandbox = (
  options: SandboxOptions = {},
): MiddlewareHandler<SandboxEnv, string, {}, ErrorResponse> => {
  check(MiddlewareCall, options, 'sandbox')
  const { language = 'python', acquireTimeoutMs, onUnavailable } = options
  const { stallTimeoutMs = 30_000, drainTimeoutMs = 120_000 } = options

  return async function sandboxMiddleware(c, next) {
    if (holdsSandbox(c) || !hasHandler(c)) return next()
    const outgoing = outgoingOf(c)
    const gone = new AbortController()
    let lease: Sandbox | undefined
    let stopWatch = () => {}
    const end = (how: ResponseEnd) => {
      stopWatch()
      gone.abort(clientGone())
      lease?.release(how)
    }
    onResponseClose(c, end)
    try {
      if (!outgoing && isUpgrade(c)) throw upgradeUnsupported()
      const pool = options.pool ?? getSandboxes()
      const wanted = typeof language === 'string' ? language : await language(c)
      lease = await pool.acquire(wanted ?? '', { timeoutMs: acquireTimeoutMs, signal: gone.signal })
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error
      if (!onUnavailable) return errorResponse(c, error)
      // The app's own answer has a shape of its own, which only the app can type.
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

/** A middleware mounted twice finds the lease of its first run. */
function holdsSandbox(c: Context<SandboxEnv>): boolean {
  const held: Sandbox | undefined = c.get('sandbox')
  return held !== undefined
}

/** Whether anything after this answers: a scanner's 404s must not drain the pool. */
function hasHandler(c: Context): boolean {
  const later = matchedRoutes(c).slice(c.req.routeIndex + 1)
  return later.some(({ method, handler }) => {
    return method !== 'ALL' || !isMiddleware(findTargetHandler(handler))
  })
}

function isUpgrade(c: Context): boolean {
  return c.req.header('upgrade')?.toLowerCase() === 'websocket'
}

function clientGone(): Error {
  // Hono's own reason is a string; thrown as such it would pass by onError.
  return new DOMException('the client is gone', 'AbortError')
}

function upgradeUnsupported(): SandboxError {
  return new SandboxError(
    'SANDBOX_UPGRADE_UNSUPPORTED',
    'the middleware cannot hold a sandbox for a WebSocket, which opens when the request is over',
    { suggestion: 'Acquire one from the pool in onOpen, release it in onClose' },
  )
}
