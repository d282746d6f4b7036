import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from 'hono-sandbox'
import { closeStrayUpgrades, WEBSOCKET_OPTIONS } from 'hono-sandbox/middleware'
import { WebSocketServer } from 'ws'
import { createApp } from './app.js'
import { chooseEngine } from './engine.js'
import { chooseLanguages } from './languages.js'
import { logPool, setLogLevel } from './operator/log.js'
import { observeMetrics } from './operator/metrics.js'
import { showProgress } from './operator/progress.js'
import { poolOf } from './routes/pool-of.js'
import { readSettings } from './settings.js'
import { terminal } from './operator/terminal.js'

/**
 * The time limit of the start. If the engine does not answer by then, the server starts to listen
 * anyway, and its pool retries.
 */
const START_MS = 20_000
/** The time that requests get to finish when the server shuts down. */
const DRAIN_MS = 10_000
/**
 * The time after the drain to send the results of the programs that were killed to their clients.
 */
const FLUSH_MS = 2000
/** The time after a signal in which a second signal is ignored. */
const REPEAT_MS = 1000
/** The maximum number of open connections. Node closes further connections at once. */
const MAX_CONNECTIONS = 1000
/**
 * The maximum number of requests on one connection. A client can send thousands of requests in one
 * packet, and Node parses all requests of a packet in one turn of the event loop.
 */
const MAX_REQUESTS_PER_CONNECTION = 100
/**
 * The time without traffic after which a connection is closed. It is longer than a program may run
 * without output.
 */
const IDLE_MS = 120_000
/**
 * The time limits for the arrival of a request and of its head, the interval at which Node checks
 * them, and the read buffer size of a connection. Node parses all bytes that it has read in one
 * turn of the event loop, so a small buffer keeps the turns short: a body of tiny chunks blocked
 * the loop for 90 ms with the default, and for 45 ms with this value.
 */
const ARRIVAL = {
  requestTimeout: 120_000,
  headersTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  highWaterMark: 4096,
}

const say = read(() => terminal(process.argv.slice(2)))
const settings = read(() => readSettings(process.env))
read(() => setLogLevel(settings.logLevel))

let drain = async (): Promise<void> => closeSandboxes({ deadlineMs: 0 })
let drainingSince = -Infinity

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    const isRepeat = performance.now() - drainingSince < REPEAT_MS
    if (isRepeat) return // npm forwards the signal that the terminal has also sent to this process
    // The user sent a second signal: exit without draining.
    if (drainingSince > -Infinity) process.exit(1)
    drainingSince = performance.now()
    say({ event: 'draining', signal }, `${signal}: draining`)
    void drain().finally(() => process.exit(0))
  })
}

const report = await start().catch((error: unknown) => {
  fail(error instanceof SandboxError ? error.message : error)
})
const failures = Object.values(report).flatMap(({ errors }) => errors)
for (const message of new Set(failures.map((error) => error.message))) {
  say({ event: 'warning', message }, message)
}

const { fetch } = createApp(settings)
const { hostname, port } = settings
const websocket = { server: new WebSocketServer(WEBSOCKET_OPTIONS) }
const serving = { fetch, port, hostname, websocket, serverOptions: ARRIVAL }
const server = serve(serving, ({ address, family, port }) => {
  const [runtime = 'unknown'] = Object.values(getSandboxes().stats()).map((each) => each.runtime)
  const ready = Object.entries(report).map(([name, { ready, total, memory }]) => {
    const used = memory
      ? ` with ${inMiB(memory.usedBytes)} of ${inMiB(memory.limitBytes)} MiB used`
      : ''
    return `${name} ${ready}/${total}${used}`
  })
  const host = family === 'IPv6' ? `[${address}]` : address
  const url = `http://${host}:${port}`
  const text = `code runner on ${url} (runtime ${runtime}, ${ready.join(', ')})`
  say({ event: 'listening', url, runtime }, text)
})
closeStrayUpgrades(server)
server.maxConnections = MAX_CONNECTIONS
if ('maxRequestsPerSocket' in server) server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION
// Close the connection at the first request above the limit, instead of answering each one with an
// error. A well-behaved client sends none: the last response has told it that the connection
// closes.
server.on('dropRequest', (_: unknown, socket: Socket) => socket.destroy())
server.setTimeout(IDLE_MS)
server.on('error', (error) => {
  void closeSandboxes({ deadlineMs: 0 }).finally(() => fail(error.message))
})

drain = async () => {
  // From now on, new requests are refused. Requests that hold a sandbox may finish.
  const closed = closeSandboxes({ deadlineMs: DRAIN_MS })
  const served = once(server, 'close')
  server.close()
  await closed
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  await Promise.race([served, sleep(FLUSH_MS)])
}

async function start() {
  const engine = await chooseEngine(settings.engine)
  const starting = initSandboxes({
    engine,
    languages: await chooseLanguages(settings.engine),
    startTimeoutMs: START_MS,
    // If all places for sessions are taken, the session that was idle for the longest time ends.
    evictIdle: true,
  })
  const pool = poolOf(undefined) // absent if an option is wrong: then the start throws the reason
  if (!pool) return starting
  observeMetrics(pool)
  const stop = showProgress(pool, say)
  const report = await starting
  stop()
  logPool(pool) // later than the start, whose report has its failures
  return report
}

function inMiB(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}

/** Returns the value of an option. If it is not valid, ends the process with the reason. */
function read<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    fail(error instanceof Error ? error.message : error)
  }
}

function fail(reason: unknown): never {
  console.error('error:', reason)
  process.exit(1)
}
