import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { SandboxErrorCode } from '../src/errors.js'
import type { RichResult } from '../src/sandbox/streams/records.js'
import type { CodeEnd } from '../src/sandbox/program/result.js'

/** One event of a stream, as a client receives it. The last event is `exit` or `error`. */
export type StreamEvent =
  | {
      type: 'stdout' | 'stderr'
      data: string
      /** The encoding of `data`; missing if `data` is text. */
      encoding?: 'base64'
    }
  | { type: 'result'; result: RichResult }
  | ({ type: 'exit' } & CodeEnd)
  | {
      type: 'error'
      /** The error. The code is `INTERNAL` if it is no `SandboxError`. */
      error: { code: SandboxErrorCode | 'INTERNAL'; message: string }
    }
  | {
      /**
       * Sent if no other event occurs for some time: the program is still running. Only in NDJSON.
       */
      type: 'heartbeat'
    }

/** A format for the events of a stream. */
export interface EventFormat {
  contentType: string
  /** Returns the text of an event in this format. */
  encode: (event: StreamEvent) => string
}

const encodeSse = (event: StreamEvent) =>
  // A heartbeat is a comment, because an EventSource does not pass comments to listeners.
  event.type === 'heartbeat'
    ? ': heartbeat\n\n'
    : `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

const encodeLine = (event: StreamEvent) => `${JSON.stringify(event)}\n`

const SSE = 'text/event-stream'
const LINES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

/** Returns the format that the client prefers. The default is server-sent events. */
export function formatFor(c: Context): EventFormat {
  const supports = [SSE, ...LINES]
  const contentType = accepts(c, { header: 'Accept', supports, default: SSE })
  return { contentType, encode: contentType === SSE ? encodeSse : encodeLine }
}
