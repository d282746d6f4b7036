import type { FileCallOptions } from '../files/options.js'

/** The limit of the bytes of all files of an archive, if the call has no other one. */
export const DEFAULT_MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024

/** The options of {@link Sandbox.exportWorkspace}. */
export interface ExportWorkspaceOptions extends FileCallOptions {
  /**
   * The maximum size of all files together, in bytes. If the workspace has more, the call throws a
   * `SandboxFileError` with the `errno` `EFBIG` before the first byte.
   *
   * @default 1_073_741_824
   */
  maxBytes?: number | undefined
}

/** The options of {@link Sandbox.importWorkspace}. */
export interface ImportWorkspaceOptions extends FileCallOptions {
  /**
   * The maximum size of all files of the archive together, in bytes. If the archive has more, the
   * call throws `SANDBOX_ARCHIVE_TOO_LARGE` before it writes the file that exceeds the limit. If
   * the workspace is full before, the call throws a `SandboxFileError` with the `errno` `ENOSPC`.
   *
   * @default 1_073_741_824
   */
  maxBytes?: number | undefined
}

/** What {@link Sandbox.importWorkspace} has written. */
export interface ImportedWorkspace {
  /** The number of files. */
  files: number
  /** The number of folders that are entries of the archive. */
  folders: number
  /** The number of links, symbolic and hard ones. */
  links: number
  /** The size of all files together, in bytes. */
  bytes: number
}
