import { serve } from '@hono/node-server'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { ragflow } from './app.js'

await initSandboxes({
  languages: {
    python: {
      image: 'hono-sandbox/python-data:bookworm',
      preload: ['numpy', 'pandas', 'matplotlib'],
      memory: '512m',
      size: 2,
      max: 8,
    },
    nodejs: { size: 1, max: 4 },
  },
})
// RAGFlow connects to this port of the host in its `SANDBOX_HOST`. Choose an address that only
// RAGFlow reaches.
const hostname = process.env.HOST ?? '127.0.0.1'
const server = serve({ fetch: ragflow({ logger: console }).fetch, port: 9385, hostname })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 10_000 }).finally(() => process.exit(0))
})
