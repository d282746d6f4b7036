import { once } from 'node:events'
import { serve, upgradeWebSocket } from '@hono/node-server'
import type { MiddlewareHandler } from 'hono'
import { Hono } from 'hono'
import { onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { WebsocketSandboxOptions } from '../../middleware/index.js'
import { closeStrayUpgrades, WEBSOCKET_OPTIONS, websocketSandbox } from '../../middleware/index.js'
import { urlOf } from './http.js'

/** Opens a WebSocket for the client, because Node 20 has none. */
export const connect = (url: string) => new WebSocket(url)

/** A server with the route `/run` of `websocketSandbox()`. */
export interface WebsocketServer {
  port: number
  /** The address of the route. */
  url: string
  close: () => Promise<void>
}

/** Serves `websocketSandbox()` for one test, behind a middleware. */
export async function serveWebsocket(
  options: WebsocketSandboxOptions,
  before: MiddlewareHandler = (_, next) => next(),
): Promise<WebsocketServer> {
  const wss = new WebSocketServer(WEBSOCKET_OPTIONS)
  const app = new Hono().get('/run', before, websocketSandbox(upgradeWebSocket, options))
  const server = serve({
    fetch: app.fetch,
    port: 0,
    hostname: '127.0.0.1',
    websocket: { server: wss },
  })
  closeStrayUpgrades(server)
  await once(server, 'listening')
  const url = `${urlOf(server).replace('http', 'ws')}/run`
  const close = async () => {
    for (const client of wss.clients) client.terminate()
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { port: Number(new URL(url).port), url, close }
}
