import type { EventEmitter } from 'node:events'
import type { Language } from './languages/built-in.js'
import type { PoolEvent } from './pool/types.js'

/** An event of a `SandboxPool`, with the language that it belongs to. */
export type SandboxPoolEvent = PoolEvent & { language: Language }

/**
 * The arguments of the listeners of a `SandboxPool`, by the name of the event: `launched`,
 * `launchFailed`, `acquired`, `ended`, `crashed`, `removed`, `removeFailed`, and `closing` when
 * `close()` is called for the first time.
 */
export type SandboxPoolEvents = {
  [Type in PoolEvent['type']]: [event: Extract<SandboxPoolEvent, { type: Type }>]
} & { closing: [] }

/**
 * Emits an event and returns whether it has a listener. Each type has a case of its own, so that
 * TypeScript can match the type of the event with its name.
 */
export function emitEvent(
  emitter: EventEmitter<SandboxPoolEvents>,
  event: SandboxPoolEvent,
): boolean {
  switch (event.type) {
    case 'launched':
      return emitter.emit(event.type, event)
    case 'launchFailed':
      return emitter.emit(event.type, event)
    case 'acquired':
      return emitter.emit(event.type, event)
    case 'ended':
      return emitter.emit(event.type, event)
    case 'crashed':
      return emitter.emit(event.type, event)
    case 'removed':
      return emitter.emit(event.type, event)
    case 'removeFailed':
      return emitter.emit(event.type, event)
  }
}
