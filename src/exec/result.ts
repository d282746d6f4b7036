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

/** What happens while a program runs, in its order. `exit` is the last, and comes in every case. */
export type ExecEvent<Data = string> =
  | { type: 'stdout' | 'stderr'; data: Data }
  | ({ type: 'exit' } & ExecEnd)
