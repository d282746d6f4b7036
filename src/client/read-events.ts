import { cut } from './client-error.js'
import type { RunEvent } from './event.js'
import { isLast, isRunEvent, parseEvent } from './event.js'
import { formatOf } from './format.js'
import { Lines } from './lines.js'
import { refusalOf } from './refusal.js'

/** The options of {@link readEvents}. */
export interface ReadEventsOptions {
  /** Ends the reading, and cancels the body of the response. The loop throws the reason. */
  signal?: AbortSignal | null | undefined
  /**
   * The greatest length of one event, in characters of its JSON.
   *
   * @default 16_777_216
   */
  maxLineLength?: number | undefined
}

/** The time to wait for the end of a body after the last event, in milliseconds. */
const END_MS = 1000

/**
 * Yields the events of a response of `streamSandbox()`: server-sent events or NDJSON, by its
 * content type. The last event is `exit` or `error`. Heartbeats and types that this version does
 * not know are skipped. A loop that ends early cancels the body, and so ends the program.
 *
 * @throws SandboxClientError `refused` if the status is an error, with `code`, `status` and
 * `retryAfterMs`; `cut` if the stream ends without `exit` and `error`; `invalid` if the response is
 * no stream of events. If the signal aborts, the reason of the signal is thrown.
 *
 * @example
 * ```ts
 * import { readEvents } from 'hono-sandbox/client'
 *
 * const body = '{"type":"stdout","data":"42"}\n{"type":"exit","exitCode":0}\n'
 * const response = new Response(body, { headers: { 'content-type': 'application/x-ndjson' } })
 * for await (const event of readEvents(response)) {
 *   if (event.type === 'stdout') console.log(event.data)
 *   if (event.type === 'exit') console.log(event.exitCode)
 * }
 * ```
 */
export async function* readEvents(
  response: Response,
  options: ReadEventsOptions = {},
): AsyncGenerator<RunEvent, void, undefined> {
  const { signal, maxLineLength = 16 * 1024 * 1024 } = options
  if (!response.ok) throw await refusalOf(response)
  const dataOf = formatOf(response, maxLineLength)
  const lines = new Lines(maxLineLength)
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  if (!reader) throw cut('the response has no body')
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {})
  signal?.addEventListener('abort', cancel)
  let isOver = false
  try {
    for (;;) {
      const { done, value } = await read(reader, signal)
      if (done) throw cut('the stream ended without exit')
      for (const line of lines.push(decoder.decode(value, { stream: true }))) {
        const data = dataOf(line)
        const event = data === undefined ? undefined : parseEvent(data)
        if (!isRunEvent(event)) continue
        isOver = isLast(event)
        yield event
        if (isOver) return
      }
    }
  } finally {
    signal?.removeEventListener('abort', cancel)
    if (isOver) void readRest(reader, cancel).catch(() => {})
    else cancel()
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

async function read(reader: Reader, signal: AbortSignal | null | undefined) {
  try {
    signal?.throwIfAborted()
    const result = await reader.read()
    signal?.throwIfAborted()
    return result
  } catch (error) {
    const isAbort = error instanceof Error && /^(?:Abort|Timeout)Error$/.test(error.name)
    if (isAbort || signal?.aborted) throw error
    throw cut('the connection was lost', error)
  }
}

/** Reads the end of the body, so that the connection can serve further requests. */
async function readRest(reader: Reader, cancel: () => void): Promise<void> {
  const timer = setTimeout(cancel, END_MS)
  try {
    while (!(await reader.read()).done);
  } finally {
    clearTimeout(timer)
  }
}
