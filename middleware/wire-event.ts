import type { ExecEvent } from '../src/sandbox/program/result.js'
import type { StreamEvent } from './stream-event.js'

/** Returns the event of a handle as a client receives it: bytes become base64. */
export function wireEvent(event: ExecEvent | ExecEvent<Buffer>): StreamEvent {
  if (event.type === 'exit' || event.type === 'result') return event
  if (typeof event.data === 'string') return { type: event.type, data: event.data }
  return { type: event.type, data: event.data.toString('base64'), encoding: 'base64' }
}
