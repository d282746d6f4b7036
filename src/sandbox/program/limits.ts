import type { ContextState } from './result.js'

/** What ends a program from outside. */
export interface ProgramLimits {
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  maxOutputBytes?: number | undefined
  /** What is kept of each stream, where it is not `maxOutputBytes`. */
  keepBytes?: number | undefined
  /** What comes before it can start; where that fails the program is refused for the reason. */
  after?: Promise<unknown> | undefined
  /** The context it runs in. There it is interrupted first, and killed where that does not help. */
  context?: { state: () => ContextState } | undefined
}
