import { upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getSandboxes, SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { interactive } from './interactive.js'
import type { RunEnv } from './run-request.js'
import { BadRequest, runRequest } from './run-request.js'
import { gatherFiles, placeFiles, startRun } from './run.js'

const MAX_BODY_BYTES = 8 * 1024 * 1024

const limit = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => {
    const message = `the body is longer than ${MAX_BODY_BYTES} bytes`
    return c.json({ error: { code: 'BODY_TOO_LARGE', message } }, 413)
  },
})

// After the check: it has read the body, and knows the language.
const leased = sandbox({ language: (c: Context<RunEnv>) => c.get('run').language })

/**
 * A server that runs snippets: `POST /run`, `POST /run/stream`, the WebSocket `/run/interactive`, and
 * `GET /healthz`.
 */
export const app = new Hono()
  .post('/run', limit, runRequest, leased, async (c) => {
    const held = c.get('sandbox')
    const before = await placeFiles(held, c.get('run').files)
    const result = await startRun(held, c.get('run'))
    return c.json({
      stdout: result.stdout,
      stderr: result.stderr,
      text: result.text ?? null,
      results: result.results,
      error: result.error ?? null,
      exitCode: result.exitCode,
      signal: result.signal,
      killedBy: result.killedBy ?? null,
      truncated: result.truncated,
      durationMs: result.durationMs,
      ...(await gatherFiles(held, before)),
      container: { name: held.name, runtime: held.runtime },
    })
  })
  .post('/run/stream', limit, runRequest, leased, async (c) => {
    const held = c.get('sandbox')
    await placeFiles(held, c.get('run').files)
    return streamSandbox(c, startRun(held, c.get('run')))
  })
  .get('/run/interactive', upgradeWebSocket(interactive))
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
  if (error instanceof BadRequest) {
    return c.json({ error: { code: 'BAD_REQUEST', message: error.message } }, 400)
  }
  // A client that left in the middle of its request is no error of ours.
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400)
  console.error(error)
  return c.json({ error: { code: 'INTERNAL', message: 'Internal Server Error' } }, 500)
})
