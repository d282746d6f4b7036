import { SandboxFileError } from '../../errors.js'
import { sortByPath } from './sort-by-path.js'
import type { FileEntry } from './entry.js'
import type { Files } from './files.js'
import { matcherOf } from './glob.js'
import { mimeTypeOf } from './mime.js'
import type { CollectOptions, FileCallOptions } from './options.js'

/** A file with its content, as {@link Sandbox.collect} returns it. */
export interface Artifact extends FileEntry {
  /**
   * The MIME type, for example `image/png`. It is derived from the file name, and is
   * `application/octet-stream` if the extension is unknown.
   */
  mimeType: string
  content: Buffer
}

/** The result of {@link Sandbox.collect}. */
export interface Collected {
  /** The files, the last changed first. Files of the same time are sorted by path. */
  files: Artifact[]
  /** The number of files that were left out: they exceed the limits or could not be read. */
  omitted: number
}

const STOP_ERRNOS: ReadonlySet<string> = new Set(['ECANCELED', 'ETIMEDOUT'])
/**
 * The number of files that are kept if there are more than twice as many. The oldest ones are only
 * counted.
 */
const MAX_CANDIDATES = 10_000

/**
 * Reads the files that match the options, the newest first. Leaves out the files that exceed a
 * limit.
 */
export async function collect(files: Files, options: CollectOptions): Promise<Collected> {
  const { glob = '**', folder = '/workspace', maxFiles = 100, since = [], ...call } = options
  const isWanted = matcherOf([glob].flat())
  const before = new Map(since.map((entry) => [entry.path, entry]))
  let candidates: FileEntry[] = []
  let omitted = 0
  for await (const entry of files.entries({ op: 'list', path: folder, recursive: true }, call)) {
    if (entry.type !== 'file' || !isWanted(entry.path)) continue
    if (isSame(entry, before.get(entry.path))) continue
    candidates.push(entry)
    if (candidates.length > 2 * MAX_CANDIDATES) {
      omitted += candidates.length - MAX_CANDIDATES
      candidates = candidates.sort(byAge).slice(0, MAX_CANDIDATES)
    }
  }
  const found: Artifact[] = []
  let bytesLeft = options.maxBytes ?? 10 * 1024 * 1024
  for (const entry of (await sortByPath(candidates)).sort(byAge)) {
    const fits = found.length < maxFiles && entry.size <= bytesLeft
    const content = fits ? await read(files, folder, entry, bytesLeft, call) : undefined
    if (!content) {
      omitted++
      continue
    }
    // The size may have changed since the file was listed.
    const size = content.length
    found.push({ ...entry, size, mimeType: mimeTypeOf(entry.name), content })
    bytesLeft -= size
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
    // Since it was listed, the file may have been deleted, replaced, made unreadable or become too
    // large. Such a file is left out. Only an abort or a timeout ends the whole call.
    const isStopped = !(error instanceof SandboxFileError) || STOP_ERRNOS.has(error.errno)
    if (isStopped) throw error
    return undefined
  }
}

function byAge(one: FileEntry, other: FileEntry): number {
  return other.mtimeMs - one.mtimeMs
}

function isSame(entry: FileEntry, before: FileEntry | undefined): boolean {
  return before?.mtimeMs === entry.mtimeMs && before.size === entry.size
}
