// The app of the HTTP scenarios, in a process of its own. The pool options are a JSON argument.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { SandboxPoolOptions } from 'hono-sandbox'
import { closeSandboxes, getSandboxes, initSandboxes } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'

const [language = 'python', settings = '{}'] = process.argv.slice(2)
const options: SandboxPoolOptions = JSON.parse(settings)
await initSandboxes(options)

const app = new Hono()
  .post('/run', sandbox({ language }), async (c) =>
    c.json(await c.get('sandbox').runCode(await c.req.text())),
  )
  .get('/stats', (c) => c.json(getSandboxes().stats()[language]))

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  process.send?.({ port })
})
process.once('disconnect', () => {
  server.close()
  void closeSandboxes({ deadlineMs: 0 }).finally(() => process.exit(0))
})
