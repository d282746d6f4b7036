import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { SandboxPool } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'

/** Creates an app that runs Python. `pool` is the pool of `initSandboxes()` by default. */
export function createApp(pool?: SandboxPool) {
  return new Hono()
    .use(bodyLimit({ maxSize: 1024 * 1024 }), sandbox({ pool, language: 'python' }))
    .post('/run', async (c) => c.json(await c.get('sandbox').runCode(await c.req.text())))
}
