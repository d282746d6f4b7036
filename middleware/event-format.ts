import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import type { StreamEvent } from './stream-event.js'

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
