import { serve } from '@hono/node-server'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from 'hono-sandbox'
import { app } from './app.js'

const DRAIN_MS = 10_000

const port = Number(process.env.PORT ?? 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  fail(`PORT is ${JSON.stringify(process.env.PORT)}, a port is a number from 0 to 65535`)
}

let drain = async (): Promise<void> => closeSandboxes({ deadlineMs: 0 })
let isDraining = false

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (isDraining) process.exit(1) // asked twice
    isDraining = true
    console.log(`${signal}: draining`)
    void drain().finally(() => process.exit(0))
  })
}

const report = await initSandboxes().catch((error: unknown) => {
  fail(error instanceof SandboxError ? error.message : error)
})
for (const { errors } of Object.values(report)) {
  for (const error of errors) console.error(`warning: ${error.message}`)
}

const server = serve({ fetch: app.fetch, port }, (address) => {
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
  server.close()
  await closed
  if ('closeAllConnections' in server) server.closeAllConnections()
}

function fail(reason: unknown): never {
  console.error('error:', reason)
  process.exit(1)
}
