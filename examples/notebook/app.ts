import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { SandboxPool } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, signedSession } from 'hono-sandbox/middleware'

const CELL_MS = 30_000
const IDLE_MS = 15 * 60_000

/**
 * Creates a notebook server. Each browser has a session of its own: a container with one context,
 * whose variables stay from one cell to the next. If a client leaves in the middle of a cell, the
 * cell is interrupted, and the variables stay. `pool` is the pool of `initSandboxes()` by default.
 */
export function createApp(secret: string, pool?: SandboxPool) {
  const options = { pool, session: signedSession({ secret }), sessionIdleMs: IDLE_MS }
  const inOrder = sandbox({ ...options, sessionConcurrency: 1 })
  // Its routes do not wait for the cell that runs, and do not open a session.
  const atOnce = sandbox({ ...options, sessionMustExist: true })

  return new Hono()
    .post('/cells', bodyLimit({ maxSize: 1024 * 1024 }), inOrder, async (c) => {
      const code = await c.req.text()
      const box = c.get('sandbox')
      const [context = await box.createCodeContext()] = box.listCodeContexts()
      const run = await box.runCode(code, { context, timeoutMs: CELL_MS })
      const { text, stdout, stderr, results, error, killedBy } = run
      const plots = results.flatMap(({ png }) => png ?? [])
      const lost = box.session?.lostReason
      return c.json({ text, stdout, stderr, plots, error: error?.message, killedBy, lost }, 200)
    })
    .post('/interrupt', atOnce, (c) => {
      const box = c.get('sandbox')
      for (const context of box.listCodeContexts()) box.interruptCodeContext(context)
      return c.body(null, 204)
    })
    .post('/restart', atOnce, async (c) => {
      await c.get('sandbox').session?.end()
      return c.body(null, 204)
    })
    .onError((error, c) => {
      if (error instanceof SandboxError) return errorResponse(c, error)
      if (error instanceof HTTPException) return error.getResponse()
      console.error(error)
      return c.text('Internal Server Error', 500)
    })
}
