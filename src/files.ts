import * as v from 'valibot'

const Entry = v.object({
  name: v.string(),
  type: v.picklist(['file', 'directory', 'symlink', 'other']),
  size: v.number(),
  mtimeMs: v.number(),
})

/** One thing in a folder, as {@link Sandbox.listFiles} gives it. */
export interface FileEntry {
  name: string
  type: 'file' | 'directory' | 'symlink' | 'other'
  /** In bytes. */
  size: number
  /** When it was changed, in milliseconds since 1970. */
  mtimeMs: number
}

/** Reads a listing: a JSON line an entry. */
export function readEntries(listing: Buffer): FileEntry[] {
  const lines = listing.toString().split('\n')
  return lines.filter((line) => line !== '').map((line) => v.parse(Entry, JSON.parse(line)))
}
