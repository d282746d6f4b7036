import { SandboxError } from '../errors.js'
import type { FileEntry } from '../sandbox/files/entry.js'
import { mimeTypeOf } from '../sandbox/files/mime.js'
import type { Sandbox } from '../sandbox/sandbox.js'

/** The greatest number of files that a result names. */
const MAX_FILES = 20
/** The time limit of a listing, in milliseconds. The result of the program does not wait longer. */
const LIST_MS = 5000
/** The kinds of images that models can see. */
const IMAGE_TYPES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
])

/** A file that a program left. */
interface LeftFile {
  /** The path in the workspace. */
  path: string
  size: number
  mimeType: string
}

/** The files that a program left, the last changed first. */
export interface LeftFiles {
  files: LeftFile[]
  /** The number of files that are not in `files`. */
  omitted: number
}

/** Returns the files of the workspace, or `undefined` if they cannot be listed. */
export async function filesOf(box: Sandbox): Promise<readonly FileEntry[] | undefined> {
  try {
    const entries = await box.listFiles('.', { recursive: true, timeoutMs: LIST_MS })
    return entries.filter(({ type, path }) => type === 'file' && isShown(path))
  } catch (error) {
    // The result of the program is returned even if the container or its workspace does not answer.
    if (error instanceof SandboxError) return undefined
    throw error
  }
}

/** Returns the files that were written since a listing. */
export async function filesSince(
  box: Sandbox,
  before: readonly FileEntry[] | undefined,
): Promise<LeftFiles> {
  const after = before && (await filesOf(box))
  if (!after) return { files: [], omitted: 0 }
  const earlier = new Map(before.map((entry) => [entry.path, entry]))
  const left = after
    .filter((entry) => !isSame(entry, earlier.get(entry.path)))
    .sort((one, other) => other.mtimeMs - one.mtimeMs)
  const files = left
    .slice(0, MAX_FILES)
    .map(({ path, name, size }) => ({ path, size, mimeType: mimeTypeOf(name) }))
  return { files, omitted: left.length - files.length }
}

/** Returns whether a model can see a file of this kind. */
export function isImage(mimeType: string): boolean {
  return IMAGE_TYPES.has(mimeType)
}

/** Hidden files, and the folders of tools, are not what a program was written for. */
function isShown(path: string): boolean {
  return !/(?:^|\/)(?:\.|__pycache__\/|node_modules\/)/.test(path) && !/\p{Surrogate}/u.test(path)
}

function isSame(entry: FileEntry, earlier: FileEntry | undefined): boolean {
  return earlier?.mtimeMs === entry.mtimeMs && earlier.size === entry.size
}
