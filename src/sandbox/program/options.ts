import type { Content } from '../streams/content.js'

/** What every call that runs something takes. */
export interface ProgramOptions {
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Added to the container's own variables, for this call alone. */
  env?: Record<string, string | undefined> | undefined
  /**
   * What the program reads on its stdin, which then ends: text, bytes, a `Blob` or a stream.
   *
   * @default nothing; take the handle's `stdin` to write it while the program runs
   */
  stdin?: Content | undefined
  /**
   * How long this call may take, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the program when it aborts; the result then says `killedBy: 'abort'`. */
  signal?: AbortSignal | undefined
  /**
   * How much output there may be, stdout and stderr together, in bytes. One byte more ends the
   * program with `killedBy: 'output'`; the beginning and the end of each are kept.
   *
   * @default 1_048_576; no limit where you iterate it or give callbacks
   */
  maxOutputBytes?: number | undefined
}

/** Output as text, UTF-8; anything else in it becomes U+FFFD. */
export interface TextOutput {
  format?: 'text' | undefined
  /** Called with what comes on stdout. What it returns is awaited before more is read. */
  onStdout?: ((text: string) => unknown) | undefined
  /** Called with what comes on stderr. What it returns is awaited before more is read. */
  onStderr?: ((text: string) => unknown) | undefined
}

/** Output as it is. */
export interface BytesOutput {
  format: 'bytes'
  /** Called with what comes on stdout. What it returns is awaited before more is read. */
  onStdout?: ((bytes: Buffer) => unknown) | undefined
  /** Called with what comes on stderr. What it returns is awaited before more is read. */
  onStderr?: ((bytes: Buffer) => unknown) | undefined
}

/** What {@link Sandbox.exec} takes beside the command. */
export type ExecOptions = ProgramOptions & (TextOutput | BytesOutput)
