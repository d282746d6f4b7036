import path from 'node:path'
import type { Artifact, CodeHandle, FileEntry, RichResult, Sandbox } from 'hono-sandbox'
import { SandboxError, SandboxFileError } from 'hono-sandbox'
import { BadRequest } from '../requests/refusal.js'
import type { RunRequest } from '../requests/run-schema.js'

const MAX_FILES = 20
const MAX_FILE_BYTES = 4 * 1024 * 1024
/** The time limit for collecting files, because a run can create a huge number of files. */
const GATHER_MS = 10_000

/**
 * Writes the files of a request into the sandbox. Returns a listing of the working directory, for
 * `gatherFiles()`.
 */
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
    // The message of the error itself quotes the path, which comes from the client.
    throw new BadRequest(`files: cannot write to one of the paths (${error.errno})`)
  }
}

/** Starts the code of a request. */
export function startRun(
  sandbox: Sandbox,
  { code, stdin, args, env, timeoutMs }: RunRequest,
): CodeHandle {
  return sandbox.runCode(code, { stdin, args, env, timeoutMs })
}

/**
 * Returns the files that the run has created or changed, as JSON values. `filesOmitted` is the
 * number of files that were left out, or `null` if the files could not be listed.
 */
export async function gatherFiles(sandbox: Sandbox, before: readonly FileEntry[]) {
  const limits = { maxFiles: MAX_FILES, maxBytes: MAX_FILE_BYTES, timeoutMs: GATHER_MS }
  try {
    const { files, omitted } = await sandbox.collect({ since: before, ...limits })
    return { files: files.map(forJson), filesOmitted: omitted }
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    // The run has made its folder unreadable or has ended the container. Its result is still valid.
    return { files: [], filesOmitted: null }
  }
}

/**
 * Returns the files that the run has created or changed as a result for a stream: a result with the
 * JSON `{ filesOfRun, filesOmitted }`. There is none if the run has made no file.
 */
export async function filesResult(
  sandbox: Sandbox,
  before: readonly FileEntry[],
): Promise<RichResult[]> {
  const { files, filesOmitted } = await gatherFiles(sandbox, before)
  if (files.length === 0) return []
  return [{ isMain: false, json: { filesOfRun: files, filesOmitted } }]
}

function forJson({ path: name, mimeType, size, content }: Artifact) {
  return { path: name, mimeType, size, content: content.toString('base64') }
}
