// A server with a route that runs a program in its container, and one that does not use it.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { contextStorage } from 'hono/context-storage'
import { closeSandboxes, getSandboxes, initSandboxes } from '../../dist/src/index.js'
import { sandbox } from '../../dist/middleware/index.js'

await initSandboxes({ runtime: 'runc', languages: { python: { size: 3 } } })
const app = new Hono()
  .get('/stats', (c) => c.json(getSandboxes().stats().python))
  // Each request has an async context, which a leak would keep.
  .use(contextStorage(), sandbox())
  .get('/used', async (c) => {
    const { stdout } = await c.get('sandbox').runCode('print("used")')
    return c.text(stdout)
  })
  .get('/unused', (c) => c.text('unused\n'))
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`listens on http://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => void closeSandboxes().then(() => process.exit(0)))
