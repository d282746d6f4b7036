import type { Content } from '../bytes/feed.js'

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
  /** Whether some output was left out; the gap is marked where it is. */
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

/** What every call that runs something takes. */
export interface ProgramOptions {
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string
  /** Added to the container's own variables, for this call alone. */
  env?: Record<string, string>
  /**
   * What the program reads on its stdin, which then ends: text, bytes, a `Blob` or a stream.
   *
   * @default nothing; take the handle's `stdin` to write it while the program runs
   */
  stdin?: Content
  /**
   * How long this call may take, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number
  /** Ends the program when it aborts; the result then says `killedBy: 'abort'`. */
  signal?: AbortSignal
  /**
   * How much output there may be, stdout and stderr together, in bytes. One byte more ends the
   * program with `killedBy: 'output'`; the beginning and the end of each are kept.
   *
   * @default 1_048_576; no limit where the output is taken as it comes
   */
  maxOutputBytes?: number
}

/** Output as text, UTF-8; anything else in it becomes U+FFFD. */
export interface TextOutput {
  format?: 'text'
  /** Called with what comes on stdout. What it returns is awaited before more is read. */
  onStdout?: (text: string) => unknown
  /** Called with what comes on stderr. What it returns is awaited before more is read. */
  onStderr?: (text: string) => unknown
}

/** Output as it is. */
export interface BytesOutput {
  format: 'bytes'
  /** Called with what comes on stdout. What it returns is awaited before more is read. */
  onStdout?: (bytes: Buffer) => unknown
  /** Called with what comes on stderr. What it returns is awaited before more is read. */
  onStderr?: (bytes: Buffer) => unknown
}
