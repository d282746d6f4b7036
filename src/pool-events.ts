import type { EventEmitter } from 'node:events'
import type { Language } from './languages/built-in.js'
import type { PoolEvent } from './pool/types.js'
import type { ProgramEnded } from './sandbox/program/program-ended.js'

/** An event of a `SandboxPool`, with the language that it belongs to. */
export type SandboxPoolEvent = (PoolEvent | ProgramEnded) & { language: Language }

/**
 * The arguments of the listeners of a `SandboxPool`, by the name of the event: `launched`,
 * `launchFailed`, `acquired`, `refused`, `ended`, `programEnded`, `crashed`, `removed`,
 * `removeFailed`; `event` for each of these; and `closing` when `close()` is called for the first
 * time.
 *
 * The events of a call, `acquired`, `refused` and `programEnded`, are emitted in the async context of
 * the call.
 */
export type SandboxPoolEvents = {
  [Type in SandboxPoolEvent['type']]: [event: Extract<SandboxPoolEvent, { type: Type }>]
} & { event: [event: SandboxPoolEvent]; closing: [] }

/**
 * Emits an event under its name, and under the name `event`. Returns whether it has a listener under
 * its own name.
 */
export function emitEvent(
  emitter: EventEmitter<SandboxPoolEvents>,
  event: SandboxPoolEvent,
): boolean {
  emitter.emit<'event'>('event', event)
  return emitByType(emitter, event)
}

/** Each type has a case of its own, so that TypeScript can match the event with its name. */
function emitByType(emitter: EventEmitter<SandboxPoolEvents>, event: SandboxPoolEvent): boolean {
  switch (event.type) {
    case 'launched':
      return emitter.emit(event.type, event)
    case 'launchFailed':
      return emitter.emit(event.type, event)
    case 'acquired':
      return emitter.emit(event.type, event)
    case 'refused':
      return emitter.emit(event.type, event)
    case 'ended':
      return emitter.emit(event.type, event)
    case 'programEnded':
      return emitter.emit(event.type, event)
    case 'crashed':
      return emitter.emit(event.type, event)
    case 'removed':
      return emitter.emit(event.type, event)
    case 'removeFailed':
      return emitter.emit(event.type, event)
  }
}
