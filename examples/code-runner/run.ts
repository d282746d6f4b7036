import path from 'node:path'
import type { Artifact, ExecHandle, FileEntry, Sandbox } from 'hono-sandbox'
import type { RunRequest } from './run-request.js'

const MAX_FILES = 20
const MAX_FILE_BYTES = 4 * 1024 * 1024

/** Puts the request's files where its code will look for them. Gives what is there then. */
export async function placeFiles(
  sandbox: Sandbox,
  files: RunRequest['files'],
): Promise<readonly FileEntry[]> {
  if (files.length === 0) return []
  const folders = new Set(files.map((file) => path.posix.dirname(file.path)))
  for (const folder of folders) await sandbox.mkdir(folder, { recursive: true })
  await sandbox.writeFiles(files)
  return sandbox.listFiles('.', { recursive: true })
}

/** Runs what was asked for. */
export function startRun(
  sandbox: Sandbox,
  { code, stdin, args, env, timeoutMs }: RunRequest,
): ExecHandle {
  return sandbox.runCode(code, { stdin, args, env, timeoutMs })
}

/** What the run has made or changed, for JSON. */
export async function gatherFiles(sandbox: Sandbox, before: readonly FileEntry[]) {
  const { files, omitted } = await sandbox.collect({
    since: before,
    maxFiles: MAX_FILES,
    maxBytes: MAX_FILE_BYTES,
  })
  return { files: files.map(forJson), filesOmitted: omitted }
}

function forJson({ path: name, mimeType, size, content }: Artifact) {
  return { path: name, mimeType, size, content: content.toString('base64') }
}
