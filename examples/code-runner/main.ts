import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from 'hono-sandbox'
import { closeStrayUpgrades } from 'hono-sandbox/middleware'
import { WebSocketServer } from 'ws'
import { createApp } from './app.js'
import { readHosts } from './guard.js'
import { WEBSOCKET_OPTIONS } from './interactive.js'
import { chooseLanguages } from './languages.js'

/** With a hung engine the server listens after this time, and its pool keeps trying. */
const START_MS = 20_000
const DRAIN_MS = 10_000
/** For the clients of programs that the end of the drain has killed. */
const LAST_WORDS_MS = 2000
const SAME_SIGNAL_MS = 1000
/** How many may be open at a time. Node closes a further one at once. */
const MAX_CONNECTIONS = 1000
/** A client can send thousands of requests in one packet, and Node takes all of a packet in one turn. */
const MAX_REQUESTS_PER_CONNECTION = 100
/** How long no byte may go in either direction: longer than a program may run without output. */
const IDLE_MS = 120_000
/**
 * How long a request, and its head alone, may take to arrive, and how often Node looks. With a small
 * mark Node stops reading a connection sooner: what it has read, it parses in a single turn. A body of
 * tiny chunks held the loop for 90 ms without it, and for 45 ms with it.
 */
const ARRIVAL = {
  requestTimeout: 120_000,
  headersTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  highWaterMark: 4096,
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
// Not answered one by one: a client that was told that the connection closes sends no more.
server.on('dropRequest', (_: unknown, socket: Socket) => socket.destroy())
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
  return initSandboxes({ languages: await chooseLanguages(), startTimeoutMs: START_MS })
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
