import { serve } from '@hono/node-server'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { createApp } from './app.js'
import { chatModel } from './model.js'

// AGENT_MODEL is the URL of a model. For a local model, it can be
// http://localhost:11434/v1/chat/completions?model=qwen3.
const { AGENT_MODEL, SESSION_SECRET = '' } = process.env
if (!AGENT_MODEL) throw new Error('AGENT_MODEL must be https://:KEY@host/path?model=NAME')

await initSandboxes({
  languages: {
    python: {
      image: 'hono-sandbox/python-data:bookworm',
      preload: ['numpy', 'pandas', 'matplotlib.pyplot'],
      memory: '512m',
      size: 1,
      max: 6,
    },
  },
  evictIdle: true,
})
const app = createApp(chatModel(AGENT_MODEL), SESSION_SECRET)
const server = serve({ fetch: app.fetch, port: 3000, hostname: '127.0.0.1' })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 10_000 }).finally(() => process.exit(0))
})
