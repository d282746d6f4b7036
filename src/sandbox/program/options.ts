import type { Content } from '../streams/content.js'

/** The options that `exec()` and `runCode()` have in common. */
export interface ProgramOptions {
  /**
   * The working directory.
   *
   * @default '/workspace'
   */
  cwd?: string | undefined
  /** Environment variables for this call only. They are added to the variables of the container. */
  env?: Record<string, string | undefined> | undefined
  /**
   * The complete stdin of the program: text, bytes, a `Blob`, a stream, or an async iterable.
   *
   * @default nothing; take the handle's `stdin` to write it while the program runs
   */
  stdin?: Content | undefined
  /**
   * The time limit of the call, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /** Ends the program when the signal aborts. The result then has `killedBy: 'abort'`. */
  signal?: AbortSignal | undefined
  /**
   * The maximum size of stdout and stderr together, in bytes. If the output exceeds it, the program
   * is killed with `killedBy: 'output'`. The beginning and the end of each stream are kept.
   *
   * @default 1_048_576; no limit if you iterate the handle or pass callbacks
   */
  maxOutputBytes?: number | undefined
}

/** The options for output as UTF-8 text, which is the default. Invalid bytes become U+FFFD. */
export interface TextOutput {
  format?: 'text' | undefined
  /**
   * Called with each piece of stdout. If it returns a promise, the promise is awaited before more
   * output is read.
   */
  onStdout?: ((text: string) => unknown) | undefined
  /**
   * Called with each piece of stderr. If it returns a promise, the promise is awaited before more
   * output is read.
   */
  onStderr?: ((text: string) => unknown) | undefined
}

/** The options for output as bytes. */
export interface BytesOutput {
  format: 'bytes'
  /**
   * Called with each piece of stdout. If it returns a promise, the promise is awaited before more
   * output is read.
   */
  onStdout?: ((bytes: Buffer) => unknown) | undefined
  /**
   * Called with each piece of stderr. If it returns a promise, the promise is awaited before more
   * output is read.
   */
  onStderr?: ((bytes: Buffer) => unknown) | undefined
}

/** The options of {@link Sandbox.exec}. */
export type ExecOptions = ProgramOptions & (TextOutput | BytesOutput)
