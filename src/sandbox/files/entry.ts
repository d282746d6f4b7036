/**
 * One thing in a folder. A byte of a name that is not UTF-8 is a character of its own, U+DC80 to
 * U+DCFF, and every call takes the name back like that.
 */
export interface FileEntry {
  /** The last part of `path`. */
  name: string
  /** Under the folder that was listed; of `stat()`, as it was asked for. */
  path: string
  type: 'file' | 'directory' | 'symlink' | 'other'
  /** In bytes. */
  size: number
  /** When it was changed, in milliseconds since 1970, with a fraction. */
  mtimeMs: number
  /** The permission bits, 0o644 for example. */
  mode: number
}
