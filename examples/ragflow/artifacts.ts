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

/** Returns the files that RAGFlow collects: in the folder itself, with these types and sizes. */
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

/** Lists the folder. The program can have replaced it by anything. */
async function listFolder(box: Sandbox) {
  return box.listFiles(FOLDER).catch(whatFailed([]))
}

/** Reads a file. A process that the program has left can change it after it was listed. */
async function readContent(box: Sandbox, path: string) {
  return box.readFile(path, { maxBytes: MAX_FILE_BYTES }).catch(whatFailed(undefined))
}

function whatFailed<Instead>(instead: Instead) {
  return (error: unknown) => {
    if (error instanceof SandboxFileError) return instead
    throw error
  }
}
