/**
 * One entry of a folder: a file, a folder, a link or another kind of file. In `name` and `path`,
 * each byte that is not valid UTF-8 is one character from U+DC80 to U+DCFF. All file calls accept
 * such paths.
 */
export interface FileEntry {
  /** The last part of `path`. */
  name: string
  /**
   * The path relative to the listed folder. In the result of `stat()`, the path that was passed.
   */
  path: string
  type: 'file' | 'directory' | 'symlink' | 'other'
  /** The size in bytes. */
  size: number
  /** The time of the last change, in milliseconds since 1970, with a fraction. */
  mtimeMs: number
  /** The permission bits, for example 0o644. */
  mode: number
  /** The target of a link, as the link has it. Only a listing has it. */
  target?: string | undefined
}
