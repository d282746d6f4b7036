import type { CodeError, RichResult } from '../streams/rich-result.js'

/** The reason that a program was killed. */
export type KilledBy =
  | 'timeout'
  | 'oom'
  | 'pids'
  | 'output'
  | 'disk'
  | 'abort'
  | 'shutdown'
  | 'crash'

/** The resources that a program used. */
export interface Usage {
  /** The CPU time in milliseconds, of the program and of the children that it waited for. */
  cpuMs: number
  /** The peak memory in bytes. Only for Python: the Node agent cannot measure it. */
  maxRssBytes: number | undefined
}

/** The end of a program. */
export interface ExecEnd {
  /** The exit code; `null` if a signal ended the program or it never started. */
  exitCode: number | null
  /** The name of the signal that ended the program, for example `SIGKILL`; `null` if it exited. */
  signal: string | null
  /** The time from the call to the end, in milliseconds. */
  durationMs: number
  /** The resources that the program used; `undefined` if the container ended with the program. */
  usage: Usage | undefined
  /**
   * Whether some output is missing. In a result: the kept output has a gap, which is marked. In an
   * `exit` event: some output was not in the events.
   */
  truncated: boolean
  /** The reason that the program was killed; absent if it ended by itself. */
  killedBy?: KilledBy
}

/** The result of a program. A failure of the program is never thrown: the result describes it. */
export interface ExecResult<Data = string> extends ExecEnd {
  stdout: Data
  stderr: Data
}

/** The state of a context after a run: `kept` if it still has its variables, otherwise `lost`. */
export type ContextState = 'kept' | 'lost'

/** The end of code: the fields that every program has, and those that only code has. */
export interface CodeEnd extends ExecEnd {
  /**
   * The error that the code threw and did not catch; absent if there is none. It is on stderr too.
   */
  error?: CodeError
  /**
   * The state of the context after the run; absent for a run without a context. It is `kept` if the
   * context still has its variables, even after an interrupt, and `lost` if its process has ended.
   */
  context?: ContextState
  /**
   * The number of results that were left out; absent if there is none. At most 100 results are
   * kept, up to 8 MiB together, or up to 64 KiB together if the handle is iterated.
   */
  omittedResults?: number
}

/** The result of code. An error of the code is never thrown: the result describes it. */
export interface CodeResult<Data = string> extends CodeEnd {
  stdout: Data
  stderr: Data
  /**
   * The value of the last expression as text: `repr()` in Python, `util.inspect()` in JavaScript.
   * Absent if the code does not end with a value.
   */
  text?: string
  /**
   * The results that the code showed, in their order. The value of the last expression has
   * `isMain`.
   */
  results: RichResult[]
  /**
   * The lines of the output, as text. `JSON.stringify()` leaves this field out, because `stdout`
   * and `stderr` already have the output.
   */
  readonly logs: { stdout: string[]; stderr: string[] }
}

/**
 * An event of a program that runs. Only code has `result` events. The last event is always `exit`.
 */
export type ExecEvent<Data = string> =
  | { type: 'stdout' | 'stderr'; data: Data }
  | { type: 'result'; result: RichResult }
  | ({ type: 'exit' } & CodeEnd)
