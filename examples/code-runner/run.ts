import path from 'node:path'
import type { Artifact, CodeHandle, FileEntry, Sandbox } from 'hono-sandbox'
import { SandboxError, SandboxFileError } from 'hono-sandbox'
import { BadRequest } from './refusal.js'
import type { RunRequest } from './run-request.js'

const MAX_FILES = 20
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** A run may leave more names behind than anybody wants to wait for. */
const GATHER_MS = 10_000

/** Puts the request's files where its code will look for them. Gives what is there then. */
export async function placeFiles(
  sandbox: Sandbox,
  files: RunRequest['files'],
): Promise<readonly FileEntry[]> {
  if (files.length === 0) return []
  try {
    const folders = new Set(files.map((file) => path.posix.dirname(file.path)))
    for (const folder of folders) await sandbox.mkdir(folder, { recursive: true })
    await sandbox.writeFiles(files)
    return await sandbox.listFiles('.', { recursive: true })
  } catch (error) {
    if (!(error instanceof SandboxFileError)) throw error
    // Its own message has the path, which was sent.
    throw new BadRequest(`files: a path that cannot be written to (${error.errno})`)
  }
}

/** Runs what was asked for. */
export function startRun(
  sandbox: Sandbox,
  { code, stdin, args, env, timeoutMs }: RunRequest,
): CodeHandle {
  return sandbox.runCode(code, { stdin, args, env, timeoutMs })
}

/** What the run has made or changed, for JSON; `filesOmitted` is null where nobody could look. */
export async function gatherFiles(sandbox: Sandbox, before: readonly FileEntry[]) {
  const limits = { maxFiles: MAX_FILES, maxBytes: MAX_FILE_BYTES, timeoutMs: GATHER_MS }
  try {
    const { files, omitted } = await sandbox.collect({ since: before, ...limits })
    return { files: files.map(forJson), filesOmitted: omitted }
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    // The run has closed its folder, or taken the container with it. Its result counts all the same.
    return { files: [], filesOmitted: null }
  }
}

function forJson({ path: name, mimeType, size, content }: Artifact) {
  return { path: name, mimeType, size, content: content.toString('base64') }
}
