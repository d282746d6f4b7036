import { refusalOf } from './refusal.js'
import { readEvents } from './read-events.js'
import { SandboxRun } from './sandbox-run.js'

/** The options of {@link runStream}: those of `fetch()`, and one more. */
export interface RunStreamOptions extends RequestInit {
  /**
   * The greatest length of one event, in characters of its JSON.
   *
   * @default 16_777_216
   */
  maxLineLength?: number | undefined
}

/** A function that sends the request, such as one around the client of Hono. */
export type Send = (init: RequestInit) => Response | Promise<Response>

/**
 * Sends a request to a route of `streamSandbox()`, and returns the run when its stream begins. It
 * asks for NDJSON, unless `headers` has `Accept`. It sends the request once and never again.
 *
 * @param source - The address of the route, or a function that sends the request. The function gets
 * the `RequestInit`, with the header `Accept` and the signal.
 * @throws SandboxClientError `refused` if the status is an error, with `code`, `status` and
 * `retryAfterMs`. If the signal aborts, the reason of the signal is thrown, also by the loop.
 * Failures of `fetch()` are thrown as they are: the server was not reached.
 *
 * @example
 * ```ts
 * import { closeSandboxes, initSandboxes } from 'hono-sandbox'
 * import { Hono } from 'hono'
 * import { runStream } from 'hono-sandbox/client'
 * import { sandbox, streamSandbox } from 'hono-sandbox/middleware'
 *
 * await initSandboxes({ languages: { python: { size: 1 } } })
 * const app = new Hono().post('/run', sandbox(), async (c) =>
 *   streamSandbox(c, c.get('sandbox').runCode(await c.req.text())),
 * )
 * const send = (init: RequestInit) => app.request('/run', init)
 * const run = await runStream(send, { method: 'POST', body: 'print(6 * 7)' })
 * for await (const event of run) if (event.type === 'stdout') console.log(event.data)
 * console.log((await run.exit()).exitCode)
 * await closeSandboxes()
 * ```
 */
export async function runStream(
  source: string | URL | Request | Send,
  options: RunStreamOptions = {},
): Promise<SandboxRun> {
  const { maxLineLength, ...init } = options
  const headers = new Headers(init.headers)
  if (!headers.has('accept')) headers.set('accept', 'application/x-ndjson')
  const request = { ...init, headers }
  const response = await (typeof source === 'function' ? source(request) : fetch(source, request))
  if (!response.ok) throw await refusalOf(response)
  return new SandboxRun(readEvents(response, { signal: init.signal, maxLineLength }))
}
