import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { SandboxErrorCode } from '../src/errors.js'
import type { RichResult } from '../src/sandbox/streams/records.js'
import type { CodeEnd } from '../src/sandbox/program/result.js'

/** One event of a stream, as a client reads it. `exit` or `error` is the last. */
export type StreamEvent =
  | {
      type: 'stdout' | 'stderr'
      data: string
      /** What `data` is, where it is not text. */
      encoding?: 'base64'
    }
  | { type: 'result'; result: RichResult }
  | ({ type: 'exit' } & CodeEnd)
  | {
      type: 'error'
      /** `INTERNAL` where the app's own code has failed. */
      error: { code: SandboxErrorCode | 'INTERNAL'; message: string }
    }
  | {
      /** NDJSON only: nothing has happened, and the program still runs. */
      type: 'heartbeat'
    }

/** How events are written. */
export interface EventFormat {
  contentType: string
  encode: (event: StreamEvent) => string
}

const encodeSse = (event: StreamEvent) =>
  // A comment reaches no listener of an EventSource.
  event.type === 'heartbeat'
    ? ': heartbeat\n\n'
    : `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const encodeLine = (event: StreamEvent) => `${JSON.stringify(event)}\n`

const SSE = 'text/event-stream'
const LINES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

/** What the client prefers; SSE where it does not say. */
export function formatFor(c: Context): EventFormat {
  const supports = [SSE, ...LINES]
  const contentType = accepts(c, { header: 'Accept', supports, default: SSE })
  return { contentType, encode: contentType === SSE ? encodeSse : encodeLine }
}
