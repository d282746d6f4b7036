import type { Context } from 'hono'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { SandboxPool } from 'hono-sandbox'
import type { SandboxLogger } from 'hono-sandbox/middleware'
import { sandbox } from 'hono-sandbox/middleware'
import { runnerFailure } from './failures.js'
import type { RunContext } from './request.js'
import { runRequest } from './request.js'
import { runMain } from './run-main.js'

const MAX_BODY_BYTES = 16 * 1024 * 1024
/** The time that a lease lasts longer than its program may run: it is for reading the files. */
const SPARE_MS = 30_000

/** The options of {@link ragflow}. */
export interface RagflowOptions {
  /**
   * A pool with the languages `python` and `nodejs`.
   *
   * @default the pool of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * The time limit of a program, in milliseconds: `SANDBOX_TIMEOUT` of RAGFlow.
   *
   * @default 10_000
   */
  timeoutMs?: number | undefined
  /**
   * The time that a request may wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * Returns the tenant of a request, for example its address. The pool has the bounds of a tenant.
   */
  tenant?: ((c: Context) => string | undefined) | undefined
  /** Gets the errors that concern the operator. */
  logger?: SandboxLogger | undefined
}

/**
 * Creates an executor for RAGFlow. It has the routes `POST /run` and `GET /healthz` of RAGFlow's
 * `executor_manager`. It does not authenticate callers, so let only RAGFlow reach it. A program
 * that fails is a result with the status 200.
 *
 * @example
 * ```ts
 * serve({ fetch: ragflow({ timeoutMs: 30_000 }).fetch, port: 9385 })
 * ```
 */
export function ragflow(options: RagflowOptions = {}) {
  const { pool, timeoutMs = 10_000, acquireTimeoutMs, tenant, logger } = options
  const tooLarge = (c: Context) => c.json({ detail: 'Request body too large' }, 413)
  const healthy = (c: Context) => c.json({ status: 'ok' })

  return new Hono()
    .get('/', healthy)
    .get('/healthz', healthy)
    .post(
      '/run',
      bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }),
      runRequest,
      sandbox({
        pool,
        language: (c: RunContext) => c.req.valid('json').language,
        acquireTimeoutMs,
        leaseTtlMs: timeoutMs + SPARE_MS,
        tenant,
        logger,
        onUnavailable: (error, c) => c.json(runnerFailure(error)),
      }),
      async (c) => {
        const box = c.get('sandbox')
        const answer = await runMain(box, c.req.valid('json'), timeoutMs)
        box.release() // a client that reads slowly needs no container
        return c.json(answer)
      },
    )
    .all('/run', (c) => c.json({ detail: 'Method Not Allowed' }, 405))
    .notFound((c) => c.json({ detail: 'Not Found' }, 404))
    .onError((error, c) => c.json(runnerFailure(error)))
}
