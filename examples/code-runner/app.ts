import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { discardBody } from './body.js'
import { contextStorage } from 'hono/context-storage'
import { guard } from './guard.js'
import { health } from './health.js'
import { interactive } from './interactive.js'
import { log, responseLog } from './log.js'
import { printMetrics, registerMetrics } from './metrics.js'
import { Refusal } from './refusal.js'
import type { RunEnv } from './run-request.js'
import { runRequest } from './run-request.js'
import { gatherFiles, placeFiles, startRun } from './run.js'

// Must come after `runRequest`, which reads the language from the body.
const leased = sandbox<RunEnv>({ language: (c) => c.get('run').language, logger: responseLog })

/**
 * Creates a server that runs code snippets: `POST /run`, `POST /run/stream`, the WebSocket
 * `/run/interactive`, `GET /healthz` (the process is alive), `GET /readyz` (each language can run
 * code at once) and `GET /metrics` (for Prometheus). `allowedHosts` are the host names that requests may use besides `localhost`
 * and IP addresses.
 */
export function createApp(allowedHosts: ReadonlySet<string>) {
  const app = new Hono<{ Bindings: HttpBindings }>()
    .use(async (c, next) => {
      await next()
      discardBody(c.env.incoming)
    })
    .use(contextStorage(), registerMetrics)
    .use(guard(allowedHosts))
    .post('/run', runRequest, leased, async (c) => {
      const box = c.get('sandbox')
      const before = await placeFiles(box, c.get('run').files)
      const result = await startRun(box, c.get('run'))
      const files = await gatherFiles(box, before)
      // Release before the response is sent: a client that does not read the response must not hold
      // the container.
      box.release()
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
        ...files,
        container: { name: box.name, runtime: box.runtime },
      })
    })
    .post('/run/stream', runRequest, leased, async (c) => {
      const box = c.get('sandbox')
      await placeFiles(box, c.get('run').files)
      const handle = startRun(box, c.get('run'))
      // Iterate the handle before it is awaited: a handle that is only awaited drops its events.
      const response = streamSandbox(c, handle)
      const release = () => box.release()
      handle.then(release, release)
      return response
    })
    .get('/run/interactive', interactive)
    .get('/metrics', printMetrics)
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
    // The rest of the body may never arrive, so the connection cannot be used again.
    if (status === 408) c.header('Connection', 'close')
    return c.json({ error: { code, message } }, status)
  }
  // The client disconnected during its request. This is not an error of the server.
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400)
  log.error({ event: 'internalError', err: error })
  return c.json({ error: { code: 'INTERNAL', message: 'Internal Server Error' } }, 500)
}
