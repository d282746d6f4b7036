import type { CodeError, RichResult } from '../streams/records.js'

/** Why a program was ended, where it did not end by itself. */
export type KilledBy =
  | 'timeout'
  | 'oom'
  | 'pids'
  | 'output'
  | 'disk'
  | 'abort'
  | 'shutdown'
  | 'crash'

/** What a program used. */
export interface Usage {
  /** CPU time in milliseconds, of it and the children it waited for. */
  cpuMs: number
  /** The most memory it held at once; Python only, Node's agent cannot tell. */
  maxRssBytes: number | undefined
}

/** How a program ended. */
export interface ExecEnd {
  /** `null` where a signal ended it, or it never started. */
  exitCode: number | null
  /** The signal's name, `SIGKILL` for example; `null` where it exited. */
  signal: string | null
  /** From the call to the answer, in milliseconds. */
  durationMs: number
  /** `undefined` where its container went with it. */
  usage: Usage | undefined
  /**
   * Whether some output was left out. In a result: of what is kept, where the gap is marked. In an
   * `exit`: of the events.
   */
  truncated: boolean
  /** Why it was ended: absent where it ended by itself. */
  killedBy?: KilledBy
}

/** What came of a program. What the user's code did is never thrown, it is here. */
export interface ExecResult<Data = string> extends ExecEnd {
  stdout: Data
  stderr: Data
}

/** Whether what a context knew is still there after a run in it. */
export type ContextState = 'kept' | 'lost'

/** How code ended: what every program has, and what code alone has. */
export interface CodeEnd extends ExecEnd {
  /** What it threw and did not catch; absent where it threw nothing. It is on stderr as well. */
  error?: CodeError
  /**
   * Of a run in a context: `kept` where the context goes on with all it knew, also after an interrupt;
   * `lost` where its process is over.
   */
  context?: ContextState
  /**
   * How many results were left out, where some were: 100 are kept, of 8 MiB together, or of 64 KiB
   * where somebody iterates.
   */
  omittedResults?: number
}

/** What came of code. What the code did is never thrown, it is here. */
export interface CodeResult<Data = string> extends CodeEnd {
  stdout: Data
  stderr: Data
  /** The value of the last expression, as the language shows it; absent where it has none. */
  text?: string
  /** What it showed, in its order: the value of the last expression is the one with `isMain`. */
  results: RichResult[]
  /** The output by lines, as text. It is not in the JSON of the result, which has it once already. */
  readonly logs: { stdout: string[]; stderr: string[] }
}

/**
 * What happens while a program runs, in its order. Only code has results. `exit` is the last, and
 * comes in every case.
 */
export type ExecEvent<Data = string> =
  | { type: 'stdout' | 'stderr'; data: Data }
  | { type: 'result'; result: RichResult }
  | ({ type: 'exit' } & CodeEnd)
