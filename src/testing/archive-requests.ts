import type { PlacedEntry } from '../agent/protocol.js'
import type { MemoryFiles } from './memory-files.js'
import { FileFault } from './memory-files.js'

/** Returns the lines that answer `pack`. */
export function packFiles(paths: readonly string[], files: MemoryFiles): string {
  const lines = paths.map((path) => {
    const found = attempt(() => {
      const { content, mode, mtimeMs } = files.read(path)
      return { mode, mtimeMs, content: content.toString('base64') }
    })
    return `${JSON.stringify({ path, ...found })}\n`
  })
  return lines.join('')
}

/** Places entries until one fails. Returns the line for it, or nothing. */
export function placeEntries(entries: readonly PlacedEntry[], files: MemoryFiles): string {
  for (const [index, entry] of entries.entries()) {
    const failed = attempt(() => {
      placeEntry(entry, files)
      return undefined
    })
    if (failed) return `${JSON.stringify({ index, ...failed })}\n`
  }
  return ''
}

function placeEntry(entry: PlacedEntry, files: MemoryFiles): void {
  const { path } = entry
  switch (entry.type) {
    case 'file':
      files.makePlace(path)
      files.write(path, Buffer.from(entry.content, 'base64'))
      return files.touch(path, entry)
    case 'directory':
      files.placeFolder(path)
      return files.touch(path, entry)
    case 'symlink':
      return files.symlink(path, entry.to)
    case 'link': {
      const { content, mode } = files.read(entry.to)
      files.makePlace(path)
      return files.write(path, content, { mode })
    }
  }
}

function attempt<T>(action: () => T): T | { code: string; message: string } {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    return { code: error.code, message: error.message }
  }
}
