import { extname } from 'node:path'
import type { Sandbox } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'
import type { Artifact } from './answer.js'

export const FOLDER = 'artifacts'
const MAX_FILES = 10
const MAX_FILE_BYTES = 10 * 1024 * 1024

const TYPES = new Map([
  ['.png', 'image/png'],
  ['.jpg', 'image/jpeg'],
  ['.jpeg', 'image/jpeg'],
  ['.svg', 'image/svg+xml'],
  ['.pdf', 'application/pdf'],
  ['.csv', 'text/csv'],
  ['.json', 'application/json'],
  ['.html', 'text/html'],
])

/** Returns up to ten files of the folder, without its subfolders, that have one of the types. */
export async function collectArtifacts(box: Sandbox): Promise<Artifact[]> {
  const artifacts: Artifact[] = []
  for (const { name, type, size } of await listFolder(box)) {
    const mimeType = TYPES.get(extname(name).toLowerCase())
    const isPlain = !name.startsWith('.') && !name.includes('..') && !name.includes('\\')
    const fits = size > 0 && size <= MAX_FILE_BYTES
    if (type !== 'file' || mimeType === undefined || !isPlain || !fits) continue
    const content = await readContent(box, `${FOLDER}/${name}`)
    if (!content) continue
    const content_b64 = content.toString('base64')
    artifacts.push({ name, mime_type: mimeType, size: content.length, content_b64 })
    if (artifacts.length === MAX_FILES) break
  }
  return artifacts
}

/** Lists the folder. It is empty if the program has deleted it or replaced it by a file. */
async function listFolder(box: Sandbox) {
  return box.listFiles(FOLDER).catch(whatFailed(box, []))
}

/**
 * Reads a file. A child process of the program may still run, and change the file after the
 * listing.
 */
async function readContent(box: Sandbox, path: string) {
  return box.readFile(path, { maxBytes: MAX_FILE_BYTES }).catch(whatFailed(box, undefined))
}

/** The container can be gone, too, because such a process used all of its memory. */
function whatFailed<Instead>(box: Sandbox, instead: Instead) {
  return (error: unknown) => {
    if (error instanceof SandboxFileError || box.signal.aborted) return instead
    throw error
  }
}
