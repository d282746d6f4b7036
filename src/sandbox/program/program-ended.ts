import type { ExecEnd } from './result.js'

/**
 * The event of a pool for the end of a program. `name` is the name of the container, and `call` the
 * call that started the program. It is emitted in the async context of that call. A program that was
 * refused before it could start has no event.
 */
export type ProgramEnded = ExecEnd & {
  type: 'programEnded'
  name: string
  call: 'runCode' | 'call' | 'exec' | 'startProcess'
}

/** Receives the end of each program. */
export type OnProgramEnded = (event: ProgramEnded) => void
