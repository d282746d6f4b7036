import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { SandboxError } from '../src/errors.js'
import type { ExecHandle } from '../src/sandbox/program/handle.js'
import type { RichResult } from '../src/sandbox/streams/rich-result.js'
import { check } from '../src/schemas/check.js'
import { errorBody } from './error-response.js'
import { formatFor } from './event-format.js'
import { eventStream } from './event-stream.js'
import { StreamCall } from './options.js'
import { onResponseClose } from './response-end.js'
import type { StreamEvent } from './stream-event.js'
import { wireEvent } from './wire-event.js'

/** The options of {@link streamSandbox}. */
export interface StreamSandboxOptions {
  /**
   * The time without an event after which the client gets a heartbeat, in milliseconds. Proxies
   * close connections without traffic, and heartbeats prevent that. `0` disables them.
   *
   * @default 15_000
   */
  heartbeatMs?: number | undefined
  /**
   * Called with the error that ends the stream. Neither `app.onError` nor `c.error` gets this
   * error.
   *
   * @default console.error, for errors that are not a SandboxError
   */
  onError?: ((error: unknown) => void) | undefined
  /**
   * Called when the program has ended. The client gets the results that it returns before the
   * `exit`: for example files that the program made. If it throws, the client gets an `error` in
   * place of the `exit`.
   *
   * @default none
   */
  atEnd?: (() => Promise<readonly RichResult[]>) | undefined
}

/**
 * Returns a response that streams the events of a program while it runs. The format is server-sent
 * events, or NDJSON if the client prefers `application/x-ndjson`, `application/ndjson` or
 * `application/jsonl`.
 *
 * Each event is one JSON object, a {@link StreamEvent}. `stdout` and `stderr` have `data`, which is
 * base64 if the format of the handle is `bytes`. `result` has a value that the code displayed. The
 * last event is `exit`, with the same fields as the result of the handle, or `error`, with the
 * `code` and `message` of `errorResponse()`. A stream without one of these two was interrupted.
 *
 * A client that reads slowly slows the program. If the client disconnects, the program is killed. A
 * run in a context is interrupted instead, and the context keeps its variables. A `HEAD` request
 * gets only the headers, and its program is stopped in the same way. The sandbox can be the sandbox
 * of the middleware or one from the pool.
 *
 * The function consumes the events of the handle. The caller can still await the handle for the
 * result. Failures of the program or of the handle are not thrown: they become the `error` event.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option is not valid.
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
  // The error event reports the rejection. Without this handler, the rejection would be unhandled.
  handle.catch(() => {})
  check(StreamCall, options, 'streamSandbox')
  const { heartbeatMs = 15_000, onError = report, atEnd } = options
  const format = formatFor(c)
  const abort = () => handle.abort()
  // The cancellation of the stream is not enough: if a middleware replaces the response, the stream
  // is never cancelled.
  onResponseClose(c, abort)
  c.header('Vary', 'Accept', { append: true })
  const headers = {
    'Content-Type': format.contentType,
    'Cache-Control': 'no-cache, no-transform',
    // Without this header, the middleware etag() would read the whole stream before the first byte
    // is sent.
    ETag: `W/"${randomUUID()}"`,
    'X-Accel-Buffering': 'no',
    'X-Content-Type-Options': 'nosniff',
  }
  if (c.req.method === 'HEAD') {
    abort()
    return c.body(null, 200, headers)
  }
  const events = eventsOf(handle, { onError, atEnd })
  return c.body(eventStream(events, format, heartbeatMs, abort), 200, headers)
}

async function* eventsOf(
  handle: ExecHandle | ExecHandle<Buffer>,
  { onError, atEnd }: { onError: (error: unknown) => void } & Pick<StreamSandboxOptions, 'atEnd'>,
): AsyncGenerator<StreamEvent, void, undefined> {
  try {
    for await (const event of handle) {
      if (event.type === 'exit')
        for (const result of (await atEnd?.()) ?? []) yield { type: 'result', result }
      yield wireEvent(event)
    }
  } catch (error) {
    // No further events are read, so the program must stop, too.
    handle.abort()
    try {
      onError(error)
    } catch (another) {
      console.error(another)
    }
    yield errorEvent(error)
  }
}

function errorEvent(error: unknown): StreamEvent {
  if (error instanceof SandboxError) return { type: 'error', ...errorBody(error) }
  return { type: 'error', error: { code: 'INTERNAL', message: 'Internal Server Error' } }
}

/**
 * Logs an error, as Hono does for a failed stream. A SandboxError is not logged: the client gets
 * it.
 */
function report(error: unknown): void {
  if (!(error instanceof SandboxError)) console.error(error)
}
