// A server of a page with the client, in a process of its own so that a test can kill it.
import { serve, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { SandboxPool } from 'hono-sandbox'
import {
  closeStrayUpgrades,
  sandbox,
  streamSandbox,
  WEBSOCKET_OPTIONS,
  websocketSandbox,
} from 'hono-sandbox/middleware'
import { WebSocketServer } from 'ws'

const script = process.argv.at(-1) ?? ''
const pool = new SandboxPool({ runtime: 'runc', languages: { python: { size: 1, max: 3 } } })
pool.on('acquired', () => console.log('acquired'))
pool.on('ended', () => console.log('ended'))
await pool.start()

const options = { timeoutMs: 600_000 }
const program = (code: string) => ({ code, options })
const contentSecurityPolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  connectSrc: ["'self'"],
}
const page = '<!doctype html><title>The client</title><script src="/client.js"></script>'
const app = new Hono()
  .use(secureHeaders({ contentSecurityPolicy }))
  .get('/', (c) => c.html(page))
  .get('/client.js', (c) => c.body(script, 200, { 'content-type': 'text/javascript' }))
  .post('/stream', sandbox({ pool }), async (c) =>
    streamSandbox(c, c.get('sandbox').runCode(await c.req.text(), options)),
  )
  .get('/talk', websocketSandbox(upgradeWebSocket, { pool, program, keepMs: 60_000 }))

const websocket = { server: new WebSocketServer(WEBSOCKET_OPTIONS) }
const serving = { fetch: app.fetch, port: 0, hostname: '127.0.0.1', websocket }
closeStrayUpgrades(serve(serving, ({ port }) => console.log(`http://127.0.0.1:${port}`)))
