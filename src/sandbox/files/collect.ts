import { SandboxFileError } from '../../errors.js'
import { sortByPath } from './sort-by-path.js'
import type { FileEntry } from './entry.js'
import type { Files } from './files.js'
import { matcherOf } from './glob.js'
import { mimeTypeOf } from './mime.js'
import type { CollectOptions, FileCallOptions } from './options.js'

/** A file that a run left behind. */
export interface Artifact extends FileEntry {
  /** By its name: `image/png`; `application/octet-stream` where the name does not tell. */
  mimeType: string
  content: Buffer
}

/** What {@link Sandbox.collect} found. */
export interface Collected {
  /** By path. */
  files: Artifact[]
  /** How many more there were: past the limits, or not to be read. */
  omitted: number
}

const STOPPED: ReadonlySet<string> = new Set(['ECANCELED', 'ETIMEDOUT'])
/** More names than these are counted, not kept. */
const MAX_CANDIDATES = 10_000
/** Gathers files within the limits. */
export async function collect(files: Files, options: CollectOptions): Promise<Collected> {
  const { glob = '**', folder = '/workspace', maxFiles = 100, since = [], ...call } = options
  const isWanted = matcherOf([glob].flat())
  const before = new Map(since.map((entry) => [entry.path, entry]))
  const candidates: FileEntry[] = []
  let omitted = 0
  for await (const entry of files.entries({ op: 'list', path: folder, recursive: true }, call)) {
    if (entry.type !== 'file' || !isWanted(entry.path)) continue
    if (isSame(entry, before.get(entry.path))) continue
    if (candidates.length < MAX_CANDIDATES) candidates.push(entry)
    else omitted++
  }
  const found: Artifact[] = []
  let left = options.maxBytes ?? 10 * 1024 * 1024
  for (const entry of await sortByPath(candidates)) {
    const isOver = found.length >= maxFiles || entry.size > left
    const content = isOver ? undefined : await read(files, folder, entry, left, call)
    if (!content) {
      omitted++
      continue
    }
    // It may have changed since it was listed.
    const size = content.length
    found.push({ ...entry, size, mimeType: mimeTypeOf(entry.name), content })
    left -= size
  }
  return { files: found, omitted }
}

async function read(
  files: Files,
  folder: string,
  entry: FileEntry,
  maxBytes: number,
  call: FileCallOptions,
): Promise<Buffer | undefined> {
  try {
    return await files.read(
      { op: 'read', path: folder.replace(/\/*$/, '/') + entry.path },
      maxBytes,
      call,
    )
  } catch (error) {
    // Gone, closed, grown or replaced since it was listed; only the call itself may be stopped.
    const isStopped = !(error instanceof SandboxFileError) || STOPPED.has(error.errno)
    if (isStopped) throw error
    return undefined
  }
}

function isSame(entry: FileEntry, before: FileEntry | undefined): boolean {
  return before?.mtimeMs === entry.mtimeMs && before.size === entry.size
}
