import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { SandboxError } from '../src/errors.js'
import type { ExecHandle } from '../src/sandbox/program/handle.js'
import { check } from '../src/schemas/check.js'
import { errorBody } from './error-response.js'
import type { StreamEvent } from './event-format.js'
import { formatFor } from './event-format.js'
import { eventStream } from './event-stream.js'
import { StreamCall } from './options.js'
import { onResponseClose } from './response-end.js'

/** What {@link streamSandbox} takes. */
export interface StreamSandboxOptions {
  /**
   * After how long without an event the client is told that the program still runs, in milliseconds;
   * proxies close what is silent. `0` for never.
   *
   * @default 15_000
   */
  heartbeatMs?: number | undefined
  /**
   * Called with the error that ends the stream: it reaches neither `app.onError` nor `c.error`.
   *
   * @default console.error, for errors that are not a SandboxError
   */
  onError?: ((error: unknown) => void) | undefined
}

/**
 * Answers with what a program does, as it does it: server-sent events, or NDJSON where the client
 * prefers `application/x-ndjson`, `application/ndjson` or `application/jsonl`. Either way an event
 * is one JSON object, a {@link StreamEvent}: `stdout` and `stderr` with `data` (base64 where the
 * handle gives bytes), of code `result` with what it showed, then one `exit` as in the result, or one `error` with `code` and `message` as
 * `errorResponse` has them. A stream that ends with neither was cut.
 *
 * A client that reads slowly slows the program. If it goes away the program is killed, or interrupted
 * in a context, which keeps its variables. `HEAD` does the same and is answered with the headers alone. The sandbox may be the middleware's or one of your own.
 *
 * It takes the handle's events; the handle may be awaited all the same, by who wants the result. It
 * never throws for what the program does, nor for a handle that was refused: that is an `error`.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` for an option.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { sandbox, streamSandbox } from 'hono-sandbox/middleware'
 *
 * const app = new Hono()
 *   .use('/run', sandbox({ language: 'python' }))
 *   .post('/run', async (c) => streamSandbox(c, c.get('sandbox').runCode(await c.req.text())))
 * ```
 */
export function streamSandbox(
  c: Context,
  handle: ExecHandle | ExecHandle<Buffer>,
  options: StreamSandboxOptions = {},
): Response {
  // What it rejects with is the last event; and a handle given to a late handler has nobody else.
  handle.catch(() => {})
  check(StreamCall, options, 'streamSandbox')
  const { heartbeatMs = 15_000, onError = report } = options
  const format = formatFor(c)
  const abort = () => handle.abort()
  // Not by cancelling alone: a response that somebody replaces is never cancelled.
  onResponseClose(c, abort)
  c.header('Vary', 'Accept', { append: true })
  const headers = {
    'Content-Type': format.contentType,
    'Cache-Control': 'no-cache, no-transform',
    // etag() would read the whole stream to make one, before the first byte is sent.
    ETag: `W/"${randomUUID()}"`,
    'X-Accel-Buffering': 'no',
    'X-Content-Type-Options': 'nosniff',
  }
  if (c.req.method === 'HEAD') {
    abort()
    return c.body(null, 200, headers)
  }
  return c.body(eventStream(eventsOf(handle, onError), format, heartbeatMs, abort), 200, headers)
}

async function* eventsOf(
  handle: ExecHandle | ExecHandle<Buffer>,
  onError: (error: unknown) => void,
): AsyncGenerator<StreamEvent, void, undefined> {
  try {
    for await (const event of handle) {
      if (event.type === 'exit' || event.type === 'result') yield event
      else if (typeof event.data === 'string') yield { type: event.type, data: event.data }
      else yield { type: event.type, data: event.data.toString('base64'), encoding: 'base64' }
    }
  } catch (error) {
    // Nobody reads on: it must not run on either.
    handle.abort()
    try {
      onError(error)
    } catch (another) {
      console.error(another)
    }
    yield told(error)
  }
}

function told(error: unknown): StreamEvent {
  if (error instanceof SandboxError) return { type: 'error', ...errorBody(error) }
  return { type: 'error', error: { code: 'INTERNAL', message: 'Internal Server Error' } }
}

/** As Hono does where a stream fails. A SandboxError is told to the client. */
function report(error: unknown): void {
  if (!(error instanceof SandboxError)) console.error(error)
}
