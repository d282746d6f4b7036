import { randomUUID } from 'node:crypto'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import * as v from 'valibot'
import { checkOrigin } from '../../middleware/allowed-origin.js'
import { errorResponse } from '../../middleware/error-response.js'
import type { SandboxLogger } from '../../middleware/logger.js'
import { logError } from '../../middleware/logger.js'
import { getSandboxes } from '../default-pool.js'
import { SandboxError } from '../errors.js'
import type { SandboxPool } from '../sandbox-pool.js'
import { check } from '../schemas/check.js'
import { Positive } from '../schemas/values.js'
import type { McpBounds } from './bounds.js'
import { BoundEntries, boundsOf } from './bounds.js'
import { RunningCalls } from './running-calls.js'
import { createServer } from './server.js'

/** The options of {@link mcp}. */
export interface McpOptions extends McpBounds {
  /**
   * The pool that leases the containers. Its languages are those that a model can choose.
   *
   * @default the pool of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * Returns the tenant of a request: the user, team or API key that your app has verified. A session
   * belongs to the tenant that started it, and its id is not known to another tenant. Without a
   * tenant, a session belongs to all callers that know its id.
   */
  tenant?: ((c: Context) => string | undefined | Promise<string | undefined>) | undefined
  /**
   * The origins of the pages that may call the server, such as `https://example.com`, or a function
   * that decides. A client without the header `Origin` is no page, and is not checked.
   *
   * @default the origin of the request itself
   */
  origins?: readonly string[] | ((origin: string, c: Context) => boolean) | undefined
  /**
   * The greatest size of the body of a request, in bytes. It bounds the files of `write_file`.
   *
   * @default 4_194_304
   */
  maxBodyBytes?: number | undefined
  /**
   * The logger for refused requests and for errors of tools: it gets one warning for each, with the
   * code and the message for the operator. Without a logger, nothing is written.
   */
  logger?: SandboxLogger | undefined
  /**
   * Called with each error that is not a `SandboxError`. The client gets an error without a detail.
   *
   * @default console.error
   */
  onError?: ((error: unknown) => void) | undefined
}

/**
 * The header that a client of 2025 repeats in all its requests, after the server has sent it once. It
 * only tells the clients apart: sessions with containers have other ids.
 */
const CLIENT_ID = 'mcp-session-id'

const McpCall = v.strictObject({
  ...BoundEntries,
  pool: v.optional(v.custom<SandboxPool>((value) => typeof value === 'object', 'a SandboxPool')),
  tenant: v.optional(v.function('a function')),
  origins: v.optional(
    v.union([v.function(), v.array(v.string())], 'a list of origins, or a function'),
  ),
  maxBodyBytes: v.optional(Positive),
  logger: v.optional(v.object({ warn: v.function('a function') })),
  onError: v.optional(v.function('a function')),
})

/**
 * Returns a Hono app that is an MCP server: models run code with its tools. Mount it with
 * `app.route('/mcp', mcp())`. It serves the revision 2026-07-28 of the protocol, which has no
 * sessions of its own, and the revisions of 2025. It needs the packages
 * `@modelcontextprotocol/server` and `@valibot/to-json-schema`.
 *
 * The tools are `run_code`, `exec`, `read_file`, `write_file`, `list_files`, `start_session` and
 * `end_session`. A run without a session has a container of its own. A program that fails is no
 * error of the tool: the result describes its end. If the client cancels a call or leaves, its
 * program is ended; a run in a session is interrupted, and the session keeps its variables.
 *
 * The app authenticates nobody: put your authentication before it, and name the `tenant`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { bearerAuth } from 'hono/bearer-auth'
 * import { mcp } from 'hono-sandbox/mcp'
 *
 * const token = process.env.MCP_TOKEN ?? 'only-for-development'
 * const app = new Hono()
 *   .use('/mcp', bearerAuth({ token }))
 *   .route('/mcp', mcp({ tenant: (c) => c.req.header('authorization') }))
 * ```
 */
export function mcp(options: McpOptions = {}): Hono {
  check(McpCall, options, 'mcp')
  const { tenant, origins, logger, onError = console.error, maxBodyBytes = 4_194_304 } = options
  const bounds = boundsOf(options)
  const report = (error: unknown) => {
    if (error instanceof SandboxError) logError(logger, error)
    else onError(error)
  }
  const running = new RunningCalls()
  const handler = createMcpHandler(
    ({ authInfo, requestInfo }) => {
      const pool = options.pool ?? getSandboxes()
      const client = requestInfo?.headers.get(CLIENT_ID) ?? undefined
      const caller = { tenant: authInfo?.clientId, client }
      return createServer({ ...caller, pool, running, bounds, report })
    },
    // The tools never change, so a stream of changes would only hold a connection.
    { maxRequestBodySize: maxBodyBytes, maxSubscriptions: 0 },
  )
  return new Hono().all('/', async function mcpHandler(c) {
    try {
      checkOrigin(c, origins)
      // Without a pool, a client gets the code of the error in place of an internal error.
      if (!options.pool) getSandboxes()
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error
      logError(logger, error)
      return errorResponse(c, error)
    }
    // The SDK passes this on, and reads nothing of it.
    const clientId = await tenant?.(c)
    const authInfo = clientId === undefined ? undefined : { token: '', clientId, scopes: [] }
    const response = await handler.fetch(c.req.raw, { authInfo })
    if (isFirstOf2025(c)) response.headers.set(CLIENT_ID, randomUUID())
    return response
  })
}

/** Whether a request is the first one of a client of 2025: it names neither a revision nor itself. */
function isFirstOf2025(c: Context): boolean {
  return c.req.header('mcp-protocol-version') === undefined && c.req.header(CLIENT_ID) === undefined
}
