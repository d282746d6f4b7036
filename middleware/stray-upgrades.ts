import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'

/** How long a socket may be without any answer to its upgrade, in milliseconds. */
const ANSWER_MS = 10_000
/** How long a client may take to read the last bytes and to close its side, in milliseconds. */
const LINGER_MS = 2000
const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/**
 * Closes every connection whose `Upgrade` leads to no WebSocket. Call it once, directly after
 * `serve({ websocket, ... })` of `@hono/node-server`.
 *
 * Node gives a socket away when a client asks for an upgrade: it no longer listens for errors and no
 * longer applies a timeout. `serve()` takes the socket only if the upgrade is a `websocket` and a route
 * accepts it. All other sockets belong to nobody: one reset (`ECONNRESET`) of such a socket is an
 * uncaught error, which ends the process; without the reset it stays open forever.
 *
 * With this function an upgrade to anything else than `websocket` gets 400, one that a route or a
 * middleware refuses gets the status of that answer, and one that nobody has answered within 10 seconds
 * gets nothing. Each of these sockets is then closed, at the latest 2 seconds after the answer. A
 * WebSocket is not touched. Other `upgrade` listeners work if they are there before the call.
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
  const takers = server.listeners('upgrade')
  // Without a listener Node ignores the header, and answers as to any other request.
  if (takers.length === 0) return
  // For the whole life of the socket: its owners remove and add their own listeners in between.
  const listen = (socket: Duplex) => socket.on('error', ignore)
  server.on('connection', listen)
  server.on('secureConnection', listen)
  // In place of the listeners, not beside them: serve() answers a refused upgrade only if it has the
  // one listener of the server.
  server.removeAllListeners('upgrade')
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    closeAfterAnswer(socket)
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    if (!isWebSocket) return void socket.end(REFUSAL)
    for (const take of takers) take.call(server, request, socket, head)
  })
}

/** A WebSocket writes its answer at once, and ends its side only when it is over. */
function closeAfterAnswer(socket: Duplex): void {
  const writtenBefore = bytesWritten(socket)
  const close = () => {
    if (bytesWritten(socket) === writtenBefore) socket.destroy()
  }
  const unanswered = setTimeout(close, ANSWER_MS).unref()
  let linger: NodeJS.Timeout | undefined
  socket.once('finish', () => {
    linger = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    // If input is left unread, the close is a reset, and the client may lose the answer.
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
  // The socket closes by itself.
}
