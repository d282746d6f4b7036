import { serve } from '@hono/node-server'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { createApp } from './app.js'
import { LANGUAGES } from './languages.js'

const users = new Map([
  ['key-of-ada', { id: 'ada', token: 'token-of-ada' }],
  ['key-of-bob', { id: 'bob', token: 'token-of-bob' }],
])

await initSandboxes({ languages: LANGUAGES, maxPerTenant: 2, maxWaitingPerTenant: 10 })
const server = serve({ fetch: createApp(users).fetch, port: 3000, hostname: '127.0.0.1' })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 10_000 }).finally(() => process.exit(0))
})
