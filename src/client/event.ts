import type { StreamEvent } from '../../middleware/stream-event.js'
import { SandboxClientError } from './client-error.js'

/** One event of a run. The last event is `exit` or `error`. Heartbeats are left out. */
export type RunEvent = Exclude<StreamEvent, { type: 'heartbeat' }>
/** The event of a program that has ended. */
export type ExitEvent = Extract<StreamEvent, { type: 'exit' }>

/** The field that an event of each type must have. */
const FIELDS = new Map<unknown, string>([
  ['stdout', 'data'],
  ['stderr', 'data'],
  ['result', 'result'],
  ['exit', 'exitCode'],
  ['error', 'error'],
])

/** Parses the JSON of an event. */
export function parseEvent(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SandboxClientError('invalid', 'the stream has an event that is not JSON')
  }
}

/** Whether a value is an event. Heartbeats and types of newer servers are none. */
export function isRunEvent(value: unknown): value is RunEvent {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  const field = FIELDS.get(value.type)
  return field !== undefined && field in value
}

/** Whether an event is the last one of its run. */
export function isLast({ type }: RunEvent): boolean {
  return type === 'exit' || type === 'error'
}
