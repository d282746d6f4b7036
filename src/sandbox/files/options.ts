import type { FileEntry } from './entry.js'

/** The options of every file call. */
export interface FileCallOptions {
  /**
   * The time limit of the call, in milliseconds. A stream must end within this time.
   *
   * @default as long as the lease
   */
  timeoutMs?: number | undefined
  /**
   * Cancels the call when the signal aborts. The `errno` of the error is `ECANCELED`; it is
   * `ETIMEDOUT` if the signal comes from `AbortSignal.timeout()`.
   */
  signal?: AbortSignal | undefined
}

/** The options of {@link Sandbox.readFile}. */
export interface ReadFileOptions extends FileCallOptions {
  /**
   * The maximum number of bytes to read into memory. If the file is longer, the call throws a
   * `SandboxFileError` with the `errno` `EFBIG`. The limit does not apply to a stream.
   *
   * @default 67_108_864
   */
  maxBytes?: number | undefined
  /**
   * The position of the first byte to read.
   *
   * @default 0
   */
  offset?: number | undefined
  /**
   * The maximum number of bytes to read from `offset` on. Bytes after these are not an error.
   *
   * @default to the end
   */
  length?: number | undefined
}

/** The options of {@link Sandbox.writeFile}. */
export interface WriteFileOptions extends FileCallOptions {
  /**
   * Whether the file is replaced in one step: the old content stays until the last byte of the new
   * content is written, and also if the write fails.
   *
   * @default false
   */
  atomic?: boolean | undefined
  /**
   * The permission bits of the file, for example 0o600.
   *
   * @default 0o644 for a new file; an existing file keeps its bits
   */
  mode?: number | undefined
}

/** The options of `listFiles()`, `mkdir()` and `deleteFile()`. */
export interface TreeOptions extends FileCallOptions {
  /**
   * `listFiles()`: whether to list the folders inside the folder too. `mkdir()`: whether to create
   * the folders above it too, and to accept a folder that exists. `deleteFile()`: whether to delete
   * a folder with its content too.
   *
   * @default false
   */
  recursive?: boolean | undefined
}

/** The options of {@link Sandbox.collect}. */
export interface CollectOptions extends FileCallOptions {
  /**
   * One or more patterns for the paths relative to `folder`. A pattern may use `*`, `**`, `?`,
   * `[a-z]`, `[!a-z]`, `{a,b}`, `@(a|b)`, `?(a|b)` and `!(a|b)`. A name that starts with a dot
   * matches only a pattern that has the dot too; `__pycache__` and `node_modules` match only a
   * pattern that has the whole name. The call throws `SANDBOX_INVALID_OPTION` for other
   * syntax, and if the patterns have more than 1,024 characters with all alternatives expanded.
   *
   * @default '**'
   */
  glob?: string | readonly string[] | undefined
  /**
   * The folder to search. Its subfolders are searched, too.
   *
   * @default '/workspace'
   */
  folder?: string | undefined
  /**
   * The maximum number of files in the result.
   *
   * @default 100
   */
  maxFiles?: number | undefined
  /**
   * The maximum size of all files in the result together, in bytes.
   *
   * @default 10_485_760
   */
  maxBytes?: number | undefined
  /**
   * A listing from before the run: the result of `listFiles(folder, { recursive: true })`. Files
   * that still have the same size and modification time as in this listing are left out.
   */
  since?: readonly FileEntry[] | undefined
}
