import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { getSandboxes, SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox } from 'hono-sandbox/middleware'
import { runRequest } from './run-request.js'

const MAX_BODY_BYTES = 1024 * 1024

const limit = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => {
    c.header('Connection', 'close') // the rest of the body is not read
    const message = `the body is longer than ${MAX_BODY_BYTES} bytes`
    return c.json({ error: { code: 'BODY_TOO_LARGE', message } }, 413)
  },
})

/** A server that runs snippets: `POST /run`, `GET /healthz`. */
export const app = new Hono()
  .post(
    '/run',
    limit,
    runRequest,
    // After the validator: it has read the body, and knows the language.
    sandbox({ language: async (c) => (await c.req.json()).language }),
    async (c) => {
      const { language: _, code, ...options } = c.req.valid('json')
      const held = c.get('sandbox')
      const result = await held.runCode(code, options)
      return c.json({
        stdout: result.stdout,
        stderr: result.stderr,
        exitCode: result.exitCode,
        signal: result.signal,
        killedBy: result.killedBy ?? null,
        truncated: result.truncated,
        durationMs: result.durationMs,
        container: { name: held.name, runtime: held.runtime },
      })
    },
  )
  .get('/healthz', (c) => {
    const stats = Object.entries(getSandboxes().stats())
    // A pool that is only busy is healthy: its next containers are on their way.
    const isHealthy = stats.every(([, { ready, lastError }]) => ready > 0 || !lastError)
    const languages = Object.fromEntries(
      stats.map(([language, { ready, idle, leased, waiting, runtime, image, lastError }]) => [
        language,
        { ready, idle, leased, waiting, runtime, image, error: lastError?.code },
      ]),
    )
    return c.json({ status: isHealthy ? 'ok' : 'unavailable', languages }, isHealthy ? 200 : 503)
  })

app.notFound((c) => c.json({ error: { code: 'NOT_FOUND', message: 'no such route' } }, 404))

app.onError((error, c) => {
  if (error instanceof SandboxError) return errorResponse(c, error)
  if (error instanceof HTTPException && error.status === 400) {
    return c.json({ error: { code: 'BAD_REQUEST', message: 'the body is not valid JSON' } }, 400)
  }
  // A client that left in the middle of its request is no error of ours.
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400)
  console.error(error)
  return c.json({ error: { code: 'INTERNAL', message: 'Internal Server Error' } }, 500)
})
