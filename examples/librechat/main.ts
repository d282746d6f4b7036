import { serve } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { closeSandboxes, initSandboxes } from 'hono-sandbox'
import { librechat } from './app.js'

// The Dockerfile of this folder builds these images. Their working directory is /mnt/data.
const NODE_IMAGE = 'hono-sandbox/librechat:nodejs'

await initSandboxes({
  languages: {
    python: {
      image: 'hono-sandbox/librechat:python',
      preload: ['numpy', 'pandas', 'matplotlib'],
      memory: '512m',
      size: 2,
      max: 8,
    },
    nodejs: { image: NODE_IMAGE, size: 1, max: 4 },
    typescript: { image: NODE_IMAGE, size: 1, max: 4 },
  },
  maxPerTenant: 6,
  maxWaitingPerTenant: 50,
})

const keys = new Set(process.env.CODE_API_KEYS?.split(',') ?? [])
const caller = (c: Context) => {
  const key = c.req.header('x-api-key') ?? c.req.header('authorization')?.replace(/^Bearer /, '')
  return key && keys.has(key) ? key : undefined
}
const app = new Hono().route('/v1', librechat({ caller, logger: console }))
const server = serve({ fetch: app.fetch, port: 3000, hostname: process.env.HOST ?? '127.0.0.1' })

process.once('SIGTERM', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 10_000 }).finally(() => process.exit(0))
})
