import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from 'hono-sandbox'
import { closeStrayUpgrades } from 'hono-sandbox/middleware'
import { WebSocketServer } from 'ws'
import { createApp } from './app.js'
import { readHosts } from './guard.js'
import { WEBSOCKET_OPTIONS } from './interactive.js'
import { chooseLanguages } from './languages.js'

const DRAIN_MS = 10_000
/** For the clients of programs that the end of the drain has killed. */
const LAST_WORDS_MS = 2000
const SAME_SIGNAL_MS = 1000
/** Sockets that are open at a time; a further one is closed at once. */
const MAX_CONNECTIONS = 1000
/** One after the other. A client may send thousands at once, and they are all taken in a single turn. */
const MAX_REQUESTS_PER_CONNECTION = 100
/** Neither side sends or takes a byte: longer than any run, which may be silent. */
const IDLE_MS = 120_000
/**
 * How long a request may take to arrive, and its head of it, and how often Node looks. The mark makes
 * Node stop reading a connection sooner: it parses all that it has read of one in a single turn.
 */
const ARRIVAL = {
  requestTimeout: 120_000,
  headersTimeout: 15_000,
  connectionsCheckingInterval: 5000,
}

const hostname = process.env.HOST || '127.0.0.1'
const port = Number(process.env.PORT || 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  fail(`PORT is ${JSON.stringify(process.env.PORT)}, a port is a number from 0 to 65535`)
}

const allowedHosts = readAllowedHosts(process.env.ALLOWED_HOSTS ?? '')

let drain = async (): Promise<void> => closeSandboxes({ deadlineMs: 0 })
let drainingSince = 0

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    const isRepeat = Date.now() - drainingSince < SAME_SIGNAL_MS
    if (isRepeat) return // npm passes on what the terminal has sent us already
    if (drainingSince > 0) process.exit(1) // asked again: at once, then
    drainingSince = Date.now()
    console.log(`${signal}: draining`)
    void drain().finally(() => process.exit(0))
  })
}

const report = await start().catch((error: unknown) => {
  fail(error instanceof SandboxError ? error.message : error)
})
const failures = Object.values(report).flatMap(({ errors }) => errors)
for (const message of new Set(failures.map((error) => error.message))) {
  console.error(`warning: ${message}`)
}

const { fetch } = createApp(allowedHosts)
const websocket = { server: new WebSocketServer(WEBSOCKET_OPTIONS) }
const serving = { fetch, port, hostname, websocket, serverOptions: ARRIVAL }
const server = serve(serving, ({ address, family, port }) => {
  const [runtime = 'unknown'] = Object.values(getSandboxes().stats()).map((each) => each.runtime)
  const ready = Object.entries(report).map(
    ([name, { ready, total }]) => `${name} ${ready}/${total}`,
  )
  const host = family === 'IPv6' ? `[${address}]` : address
  console.log(`code runner on http://${host}:${port} (runtime ${runtime}, ${ready.join(', ')})`)
})
closeStrayUpgrades(server)
server.maxConnections = MAX_CONNECTIONS
if ('maxRequestsPerSocket' in server) server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION
server.setTimeout(IDLE_MS)
server.on('error', (error) => {
  void closeSandboxes({ deadlineMs: 0 }).finally(() => fail(error.message))
})

drain = async () => {
  // New requests are refused from here on; those that hold a sandbox may finish.
  const closed = closeSandboxes({ deadlineMs: DRAIN_MS })
  const served = once(server, 'close')
  server.close()
  await closed
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  await Promise.race([served, sleep(LAST_WORDS_MS)])
}

async function start() {
  return initSandboxes({ languages: await chooseLanguages() })
}

function readAllowedHosts(list: string): ReadonlySet<string> {
  try {
    return readHosts(list)
  } catch (error) {
    fail(error instanceof Error ? error.message : error)
  }
}

function fail(reason: unknown): never {
  console.error('error:', reason)
  process.exit(1)
}
