import type { ContextState, ExecEnd } from './result.js'

/** The default time limit of a call that runs a program. */
export const DEFAULT_TIMEOUT_MS = 30_000

/** The conditions under which a program starts, and the limits that end it. */
export interface ProgramLimits {
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  maxOutputBytes?: number | undefined
  /** The number of bytes that are kept of each stream. If absent, `maxOutputBytes` are kept. */
  keepBytes?: number | undefined
  /** The program starts when this resolves. If it rejects, the call rejects with the same error. */
  after?: Promise<unknown> | undefined
  /**
   * The context that the program runs in. A program in a context is first interrupted, and killed
   * only if it does not stop.
   */
  context?: { state: () => ContextState } | undefined
  /** Called with the end of the program, unless the program was refused. It must not throw. */
  onEnded?: ((end: ExecEnd) => void) | undefined
}
