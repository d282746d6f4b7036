import type { FileEntry } from './entry.js'

/** What every file call takes. */
export interface FileCallOptions {
  /**
   * How long this call may take, in milliseconds; of a stream: until its end.
   *
   * @default as long as the lease
   */
  timeoutMs?: number | undefined
  /** Ends the call when it aborts, with `ECANCELED`; with `ETIMEDOUT` where it was a timeout's. */
  signal?: AbortSignal | undefined
}

/** What {@link Sandbox.readFile} takes beside the path. */
export interface ReadFileOptions extends FileCallOptions {
  /**
   * A longer file is an `EFBIG` instead of so much memory. A stream has no limit.
   *
   * @default 67_108_864
   */
  maxBytes?: number | undefined
  /**
   * Where to begin, in bytes.
   *
   * @default 0
   */
  offset?: number | undefined
  /**
   * How many bytes to read at most.
   *
   * @default to the end
   */
  length?: number | undefined
}

/** What {@link Sandbox.writeFile} takes beside path and content. */
export interface WriteFileOptions extends FileCallOptions {
  /**
   * Whether the file appears whole or not at all: what was there before stays until the last byte is
   * written, and where it fails.
   *
   * @default false
   */
  atomic?: boolean | undefined
  /**
   * The permission bits.
   *
   * @default 0o644 for a new file, else as they are
   */
  mode?: number | undefined
}

/** What calls for a folder and all that is in it take. */
export interface TreeOptions extends FileCallOptions {
  /**
   * Whether to take in what lies beneath.
   *
   * @default false
   */
  recursive?: boolean | undefined
}

/** What {@link Sandbox.collect} takes. */
export interface CollectOptions extends FileCallOptions {
  /**
   * Which files, by their path under the folder: one pattern or several, of `*`, `**`, `?`, `[a-z]`,
   * `[!a-z]`, `{a,b}`, `@(a|b)`, `?(a|b)` and `!(a|b)`. Names that begin with a dot have to be asked for.
   * Other syntax, and more than 1,024 characters with all alternatives written out, is a
   * `SANDBOX_INVALID_OPTION`.
   *
   * @default '**'
   */
  glob?: string | readonly string[] | undefined
  /**
   * Where to look.
   *
   * @default '/workspace'
   */
  folder?: string | undefined
  /**
   * How many files at most.
   *
   * @default 100
   */
  maxFiles?: number | undefined
  /**
   * How many bytes at most, of all together.
   *
   * @default 10_485_760
   */
  maxBytes?: number | undefined
  /**
   * Leaves out what is in this listing and has the same size and time still:
   * `listFiles(folder, { recursive: true })`, asked for before the run.
   */
  since?: readonly FileEntry[] | undefined
}
