import { Socket } from 'node:net'
import type { Context, MiddlewareHandler, Next } from 'hono'
import type { WSEvents } from 'hono/ws'
import { getSandboxes } from '../src/default-pool.js'
import { SandboxError } from '../src/errors.js'
import { check } from '../src/schemas/check.js'
import type { SandboxPool } from '../src/sandbox-pool.js'
import { checkOrigin } from './allowed-origin.js'
import { Conversation } from './conversation.js'
import { errorResponse } from './error-response.js'
import { KeptRuns } from './kept-runs.js'
import { logError } from './logger.js'
import { UpgradeFunction, WebsocketCall } from './options.js'
import { onPoolClosing } from './pool-closing.js'
import { socketOf } from './response-end.js'
import type { UnnamedEnv } from './sandbox-options.js'
import { CloseCode, isConnection } from './socket-connection.js'
import { isOfClient } from './socket-error.js'
import { starter } from './socket-start.js'
import type { Outbox } from './socket-outbox.js'
import { SocketRun } from './socket-run.js'
import type { WebsocketSandboxOptions } from './websocket-options.js'

/** `upgradeWebSocket` of `@hono/node-server`. */
export type UpgradeWebSocket = (
  createEvents: (c: Context) => WSEvents,
) => MiddlewareHandler<UnnamedEnv, string, { outputFormat: 'ws' }>

/** The time after which a client that was refused may retry, in milliseconds. */
const RETRY_MS = 1000

/**
 * Returns a handler that runs a program over a WebSocket: the client sends the program and its
 * input, and gets the events of `streamSandbox()`, one in each message. The sandbox is leased when
 * the program arrives, and the lease ends with the program. If the client disconnects, the program
 * is killed, or interrupted in a context, and the lease ends. A client of `runSocket()` of
 * `hono-sandbox/client` may come back within `keepMs`: its run goes on, and it gets every event.
 *
 * The server of the WebSockets needs {@link WEBSOCKET_OPTIONS}. A request without an upgrade goes to
 * the next handler. A page of another origin gets 403, and a connection beyond `maxConversations`
 * gets 503. If the pool closes, a conversation without a program ends with `SANDBOX_CLOSED` and the
 * code 1012, and a new one gets 503.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
 *
 * @example
 * ```ts
 * import { upgradeWebSocket } from '@hono/node-server'
 * import { Hono } from 'hono'
 * import { websocketSandbox } from 'hono-sandbox/middleware'
 *
 * const app = new Hono().get('/run', websocketSandbox(upgradeWebSocket, { language: 'python' }))
 * ```
 */
export function websocketSandbox(
  upgradeWebSocket: UpgradeWebSocket,
  options: WebsocketSandboxOptions = {},
): ReturnType<UpgradeWebSocket> {
  check(UpgradeFunction, upgradeWebSocket, 'websocketSandbox: upgradeWebSocket')
  check(WebsocketCall, options, 'websocketSandbox')
  const { maxConversations = 100, firstMessageMs = 10_000, keepMs = 30_000 } = options
  const { logger, onError = report } = options
  const runs = new KeptRuns({ keepMs, maxRuns: maxConversations })
  /** The connections with a WebSocket, and those that will have one. */
  const places = new Set<Socket>()
  const open = new Set<Conversation>()
  const closeAll = () => open.forEach((each) => each.close())

  /** Takes one of the places for connections, until the connection is closed. */
  const takePlace = (transport: Socket) => {
    if (places.size >= maxConversations) throw tooMany(maxConversations)
    places.add(transport)
    transport.once('close', () => places.delete(transport))
  }

  const fail = (error: unknown) => {
    if (error instanceof SandboxError) logError(logger, error)
    try {
      onError(error)
    } catch (another) {
      console.error(another)
    }
  }

  /** Returns the pool of a request, and ends the conversations without a program when it closes. */
  const poolOf = (): SandboxPool => {
    const pool = options.pool ?? getSandboxes()
    if (pool.isClosing) throw new SandboxError('SANDBOX_CLOSED', 'the pool is closed')
    onPoolClosing(pool, closeAll)
    return pool
  }

  /** Returns the events of a WebSocket that is accepted. */
  const eventsOf = (c: Context, pool: SandboxPool, tenant: string | undefined): WSEvents => {
    const transport = transportOf(c)
    const start = starter(c, pool, { ...options, tenant: () => tenant })
    const createRun = (outbox: Outbox) => new SocketRun(outbox, { start, onError: fail })
    const route = { firstMessageMs, keepMs, runs, createRun, onError: fail }
    let conversation: Conversation | undefined
    return {
      onOpen: (_, socket) => {
        const { raw } = socket
        if (!isConnection(raw)) return socket.close(CloseCode.internalError)
        conversation = new Conversation({ connection: raw, transport }, route, tenant)
        open.add(conversation)
        if (pool.isClosing) conversation.close()
      },
      onMessage: ({ data }) => conversation?.take(data),
      onClose: ({ code }) => {
        if (!conversation) return
        open.delete(conversation)
        conversation.end(code)
      },
    }
  }

  return async function websocketMiddleware(c: Context, next: Next) {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') return next()
    try {
      checkOrigin(c, options.origins)
      const pool = poolOf()
      const tenant = await options.tenant?.(c)
      takePlace(transportOf(c))
      return await upgradeWebSocket(() => eventsOf(c, pool, tenant))(c, next)
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error
      logError(logger, error)
      return errorResponse(c, error)
    }
  }
}

/** Logs an error, as Hono does for a failed stream, unless the client gets it. */
function report(error: unknown): void {
  if (!(error instanceof SandboxError) && !isOfClient(error)) console.error(error)
}

function transportOf(c: Context): Socket {
  const socket = socketOf(c)
  if (socket instanceof Socket) return socket
  throw unsupported()
}

function unsupported(): SandboxError {
  return new SandboxError(
    'SANDBOX_UPGRADE_UNSUPPORTED',
    'websocketSandbox() needs the WebSockets of @hono/node-server',
    { suggestion: 'Pass websocket: { server: new WebSocketServer(WEBSOCKET_OPTIONS) } to serve()' },
  )
}

function tooMany(max: number): SandboxError {
  return new SandboxError(
    'SANDBOX_TOO_MANY_CONVERSATIONS',
    `the server has ${max} conversations, which is the maximum`,
    { suggestion: 'Try again later, or raise maxConversations', retryAfterMs: RETRY_MS },
  )
}
