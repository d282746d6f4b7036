import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'

/** The time limit for the answer to an upgrade, in milliseconds. */
const ANSWER_MS = 10_000
/** The time for a client to read the last bytes and to close the connection, in milliseconds. */
const LINGER_MS = 2000
const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/**
 * Closes every connection with an `Upgrade` request that does not become a WebSocket. Call it once,
 * directly after `serve({ websocket, ... })` of `@hono/node-server`.
 *
 * After an upgrade request, Node no longer handles errors and timeouts of the socket. `serve()`
 * handles them only if the protocol is `websocket` and a route accepts the request. For all other
 * sockets, one reset (`ECONNRESET`) is an uncaught error that ends the process. Without a reset,
 * the socket stays open forever.
 *
 * With this function, an upgrade to another protocol than `websocket` gets 400. An upgrade that a
 * route or a middleware refuses gets the status of that response. An upgrade without an answer
 * within 10 seconds gets none. These sockets are then closed, at the latest 2 seconds after the
 * answer. Accepted WebSockets are not affected. Other `upgrade` listeners still work if they were
 * added before the call.
 *
 * @example
 * ```ts
 * import { serve, upgradeWebSocket } from '@hono/node-server'
 * import { Hono } from 'hono'
 * import { closeStrayUpgrades } from 'hono-sandbox/middleware'
 * import { WebSocketServer } from 'ws'
 *
 * const echo = upgradeWebSocket(() => ({
 *   onMessage: ({ data }, socket) => socket.send(String(data)),
 * }))
 * const app = new Hono().get('/echo', echo)
 * const websocket = { server: new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 }) }
 * const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', websocket })
 * closeStrayUpgrades(server)
 * server.close()
 * ```
 */
export function closeStrayUpgrades(server: Server): void {
  const listeners = server.listeners('upgrade')
  // Without a listener, Node ignores the Upgrade header and handles the request as any other
  // request.
  if (listeners.length === 0) return
  // This listener stays for the whole life of the socket, because Node and `ws` remove theirs.
  const ignoreErrors = (socket: Duplex) => socket.on('error', ignore)
  server.on('connection', ignoreErrors)
  server.on('secureConnection', ignoreErrors)
  // The new listener replaces the others: serve() answers a refused upgrade only if the server has
  // exactly one listener.
  server.removeAllListeners('upgrade')
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    closeAfterAnswer(socket)
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    if (!isWebSocket) return void socket.end(REFUSAL)
    for (const listener of listeners) listener.call(server, request, socket, head)
  })
}

/**
 * Closes a socket after its answer, or after the time limit if it gets no answer. An accepted
 * WebSocket is not affected: it writes its answer immediately, and finishes only when it is closed.
 */
function closeAfterAnswer(socket: Duplex): void {
  const writtenBefore = bytesWritten(socket)
  const close = () => {
    if (bytesWritten(socket) === writtenBefore) socket.destroy()
  }
  const unanswered = setTimeout(close, ANSWER_MS).unref()
  let linger: NodeJS.Timeout | undefined
  socket.once('finish', () => {
    linger = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    // If the socket is closed with unread input, TCP sends a reset, and the client may lose the
    // answer.
    socket.resume()
  })
  socket.once('close', () => {
    clearTimeout(unanswered)
    clearTimeout(linger)
  })
}

function bytesWritten(socket: Duplex): number {
  return 'bytesWritten' in socket ? Number(socket.bytesWritten) : 0
}

function ignore(): void {
  // Node closes the socket after an error.
}
