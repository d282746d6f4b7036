import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from 'hono-sandbox'
import { WebSocketServer } from 'ws'
import { app } from './app.js'
import { chooseLanguages } from './languages.js'

const DRAIN_MS = 10_000
/** For the clients of programs that the end of the drain has killed. */
const LAST_WORDS_MS = 2000
const SAME_SIGNAL_MS = 1000
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024

const port = Number(process.env.PORT || 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  fail(`PORT is ${JSON.stringify(process.env.PORT)}, a port is a number from 0 to 65535`)
}

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

const websocket = {
  server: new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES }),
}
const server = serve({ fetch: app.fetch, port, websocket }, (address) => {
  const [runtime = 'unknown'] = Object.values(getSandboxes().stats()).map((each) => each.runtime)
  const ready = Object.entries(report).map(
    ([name, { ready, total }]) => `${name} ${ready}/${total}`,
  )
  console.log(
    `code runner on http://localhost:${address.port} (runtime ${runtime}, ${ready.join(', ')})`,
  )
})
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

function fail(reason: unknown): never {
  console.error('error:', reason)
  process.exit(1)
}
