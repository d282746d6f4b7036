import { serve } from '@hono/node-server'
import { initSandboxes } from 'hono-sandbox'
import { createApp } from './app.js'

await initSandboxes({ languages: { python: {} } })
serve({ fetch: createApp().fetch, port: 3000, hostname: '127.0.0.1' })
