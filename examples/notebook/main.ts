import { serve } from '@hono/node-server'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { createApp } from './app.js'

const DATA = {
  image: 'hono-sandbox/python-data:bookworm',
  preload: ['numpy', 'matplotlib.pyplot'],
  memory: '512m',
  size: 2,
  max: 12,
}

await initSandboxes({
  languages: { python: DATA },
  // If all places are taken, the notebook that was idle for the longest time is closed.
  evictIdle: true,
  onSessionEnd: ({ id, reason }) => console.log(`notebook ${id.slice(0, 6)} ended: ${reason}`),
})
const secret = process.env.SESSION_SECRET ?? ''
const server = serve({ fetch: createApp(secret).fetch, port: 3000, hostname: '127.0.0.1' })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 10_000 }).finally(() => process.exit(0))
})
