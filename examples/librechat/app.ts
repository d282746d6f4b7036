import type { Context } from 'hono'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import type { SandboxPool } from 'hono-sandbox'
import { SandboxError, SandboxFileError } from 'hono-sandbox'
import type { SandboxLogger } from 'hono-sandbox/middleware'
import { errorBody, errorResponse, sandbox } from 'hono-sandbox/middleware'
import type { CallerEnv, CallerOf } from './caller.js'
import { requireCaller } from './caller.js'
import { execute, inputsOf } from './exec.js'
import { FileStore } from './file-store.js'
import { files } from './files.js'
import { LANGUAGES } from './languages.js'
import type { Exec } from './requests.js'
import { readExec } from './requests.js'

const MAX_BODY_BYTES = 8 * 1024 * 1024
/**
 * The time that a lease lasts longer than its program may run: it is for reading and writing files.
 */
const SPARE_MS = 60_000

/** The options of {@link librechat}. */
export interface LibrechatOptions {
  /**
   * Returns the key of the caller of a request, for example a verified API key, or the user in a
   * verified token. The caller owns its files. The pool counts the caller as a tenant.
   */
  caller: CallerOf
  /**
   * A pool with the languages `python`, `nodejs` and `typescript`, or some of them.
   *
   * @default the pool of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * The greatest time limit of a program, in milliseconds, and its default.
   *
   * @default 60_000
   */
  timeoutMs?: number | undefined
  /**
   * The time that a request may wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * The maximum size of all files together, in bytes. They are in the memory of the server.
   *
   * @default 536_870_912
   */
  maxStoredBytes?: number | undefined
  /** Gets the errors that concern the operator. */
  logger?: SandboxLogger | undefined
}

type ExecEnv = CallerEnv & { Variables: { exec: Exec; inputs: ReturnType<typeof inputsOf> } }

/**
 * Creates a code interpreter for LibreChat: `POST /exec` and the routes of files. Set its address
 * as the base URL of the code interpreter in LibreChat.
 *
 * @example
 * ```ts
 * const keys = new Set(['key-of-librechat'])
 * const caller = (c: Context) => [...keys].find((key) => key === c.req.header('x-api-key'))
 * serve({ fetch: new Hono().route('/v1', librechat({ caller })).fetch, port: 3000 })
 * ```
 */
export function librechat(options: LibrechatOptions) {
  const { pool, caller, timeoutMs = 60_000, acquireTimeoutMs, logger } = options
  const store = new FileStore(options.maxStoredBytes ?? 512 * 1024 * 1024)
  const readRequest = createMiddleware<ExecEnv>(async (c, next) => {
    const exec = readExec(await c.req.text())
    c.set('exec', exec)
    c.set('inputs', inputsOf(exec, c.get('caller'), store))
    await next()
  })

  return new Hono<CallerEnv>()
    .get('/health', (c) => c.text('OK'))
    .use(requireCaller(caller), refuseStateful)
    .post(
      '/exec',
      bodyLimit({
        maxSize: MAX_BODY_BYTES,
        onError: (c) => c.json({ error: 'the body is too large' }, 413),
      }),
      readRequest,
      sandbox<ExecEnv>({
        pool,
        language: (c) => LANGUAGES.get(c.get('exec').lang),
        acquireTimeoutMs,
        leaseTtlMs: timeoutMs + SPARE_MS,
        tenant: (c) => c.get('caller'),
        logger,
        onUnavailable: answerError,
      }),
      async (c) => {
        const { exec, inputs, caller, sandbox: box } = c.var
        const limit = Math.min(exec.timeout ?? timeoutMs, timeoutMs)
        const result = await execute(box, { exec, inputs, store, caller, timeoutMs: limit })
        box.release() // so that a client that reads slowly does not keep the container
        return c.json(result)
      },
    )
    .route('/', files(store))
    .onError(answerError)
}

/** Refuses a client that expects the next program to run in the same container. */
const refuseStateful = createMiddleware(async (c, next) => {
  const expected = c.req.header('x-codeapi-expected-profile') ?? 'default'
  if (expected !== 'default') return c.json({ error: 'execution_profile_mismatch' }, 409)
  await next()
})

/** Returns the answer for an error, in the form that LibreChat reads. */
function answerError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status)
  if (error instanceof SandboxFileError) {
    if (error.errno === 'ENOSPC') return c.json({ error: 'the files are too large' }, 413)
    return c.json({ error: 'the names of the files are too long, or exclude each other' }, 400)
  }
  if ('code' in error && error.code === 'ECONNRESET') return c.body(null, 400) // the client has left
  if (!(error instanceof SandboxError)) {
    console.error(error)
    return c.json({ error: 'Internal server error' }, 500)
  }
  const { status, headers } = errorResponse(c, error)
  const { message } = errorBody(error).error
  const wait = Number(headers.get('retry-after'))
  const body =
    status === 429
      ? { error: 'rate_limited', message, retry_after_seconds: Math.max(1, wait) }
      : { error: message }
  return Response.json(body, { status, headers: wait ? { 'Retry-After': String(wait) } : {} })
}
