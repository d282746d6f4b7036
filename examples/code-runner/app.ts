import type { HttpBindings } from '@hono/node-server'
import { upgradeWebSocket } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { discardBody } from './body.js'
import { guard } from './guard.js'
import { health } from './health.js'
import { hasRoom, interactive } from './interactive.js'
import { Refusal } from './refusal.js'
import type { RunEnv } from './run-request.js'
import { runRequest } from './run-request.js'
import { gatherFiles, placeFiles, startRun } from './run.js'

// After the check: it has read the body, and knows the language.
const leased = sandbox({ language: (c: Context<RunEnv>) => c.get('run').language })

/**
 * A server that runs snippets: `POST /run`, `POST /run/stream`, the WebSocket `/run/interactive`,
 * `GET /healthz` (the process is alive) and `GET /readyz` (each language can run code at once).
 * `allowedHosts` are the names under which it may be reached, beside `localhost` and IP addresses.
 */
export function createApp(allowedHosts: ReadonlySet<string>) {
  const app = new Hono<{ Bindings: HttpBindings }>()
    .use(async (c, next) => {
      await next()
      discardBody(c.env.incoming)
    })
    .use(guard(allowedHosts))
    .post('/run', runRequest, leased, async (c) => {
      const held = c.get('sandbox')
      const before = await placeFiles(held, c.get('run').files)
      const result = await startRun(held, c.get('run'))
      const made = await gatherFiles(held, before)
      // Before the answer is sent: a client that does not read it must not hold the container.
      held.release()
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
        ...made,
        container: { name: held.name, runtime: held.runtime },
      })
    })
    .post('/run/stream', runRequest, leased, async (c) => {
      const held = c.get('sandbox')
      await placeFiles(held, c.get('run').files)
      const handle = startRun(held, c.get('run'))
      // It takes the events first: a handle that is only awaited drops them.
      const answer = streamSandbox(c, handle)
      const release = () => held.release()
      handle.then(release, release)
      return answer
    })
    .get('/run/interactive', hasRoom, upgradeWebSocket(interactive))
    .get('/healthz', (c) => c.json({ status: 'ok', languages: health().languages }))
    .get('/readyz', (c) => {
      const { isReady, languages } = health()
      return c.json({ status: isReady ? 'ok' : 'unavailable', languages }, isReady ? 200 : 503)
    })
  app.notFound((c) => c.json({ error: { code: 'NOT_FOUND', message: 'no such route' } }, 404))
  app.onError(answerError)
  return app
}

function answerError(error: Error, c: Context): Response {
  if (error instanceof SandboxError) return errorResponse(c, error)
  if (error instanceof Refusal) {
    const { code, message, status } = error
    if (status === 503) c.header('Retry-After', '1')
    // The rest of the body is not awaited.
    if (status === 408) c.header('Connection', 'close')
    return c.json({ error: { code, message } }, status)
  }
  // A client that left in the middle of its request is no error of ours.
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400)
  console.error(error)
  return c.json({ error: { code: 'INTERNAL', message: 'Internal Server Error' } }, 500)
}
