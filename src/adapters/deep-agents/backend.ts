import type { Sandbox } from '../../sandbox/sandbox.js'
import { isMedia, isText, MAX_EDIT_BYTES, pageOf, replace, whole } from './content.js'
import { errorOf, orError } from './errors.js'
import { describe, glob, grep } from './search.js'
import type { DeepAgentsBackend } from './types.js'
import { nullIfMissing, writeWithFolders } from '../shared/files.js'
import { shellCommand } from '../shared/shell-command.js'
import { shellResult } from '../shared/shell-result.js'

/** The options of {@link deepAgentsBackend}. */
export interface DeepAgentsOptions {
  /**
   * The time limit of a command, in milliseconds.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
  /**
   * If this signal aborts, the commands end. The agent does not pass its own signal to a backend.
   */
  signal?: AbortSignal | undefined
}

/**
 * Makes the backend that the agents of LangChain's package `deepagents` 1 accept as `backend`: a
 * `SandboxBackendProtocolV2`. Paths are absolute; the files are in `/workspace`. A search in `/`
 * searches `/workspace`.
 *
 * If a call for a file fails, its result has the error, so that the model can read it. If a program
 * is killed, the last line of its output has the reason.
 *
 * @throws SandboxError `SANDBOX_LEASE_ENDED`, from each call, if the lease has ended.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { deepAgentsBackend } from 'hono-sandbox/adapters'
 *
 * await using pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * await using sandbox = await pool.acquire('python')
 * const backend = deepAgentsBackend(sandbox) // an option of createDeepAgent()
 * console.log(await backend.execute('python3 --version'))
 * ```
 */
export function deepAgentsBackend(
  sandbox: Sandbox,
  options: DeepAgentsOptions = {},
): DeepAgentsBackend {
  return {
    id: sandbox.name,
    execute: async (command) => {
      const oneStream = ['/bin/sh', '-c', 'exec "$@" 2>&1', 'sh', ...shellCommand(command)]
      const result = await sandbox.exec(oneStream, options)
      const { exitCode, stdout, stderr } = shellResult(result)
      const output = stderr === '' ? stdout : `${stdout.trimEnd()}\n${stderr}`.trimStart()
      return { output, exitCode, truncated: result.truncated }
    },
    ls: (path) =>
      orError(path, async () => {
        const entries = (await nullIfMissing(sandbox.listFiles(path))) ?? []
        return { files: entries.map((entry) => describe(entry, path)) }
      }),
    read: (path, offset = 0, limit = 500) =>
      orError(path, async () => {
        const content = await sandbox.readFile(path)
        return isText(path, content)
          ? pageOf(content.toString(), offset, limit)
          : whole(path, content)
      }),
    readRaw: (path) =>
      orError(path, async () => {
        const content = await sandbox.readFile(path)
        const time = new Date((await sandbox.stat(path)).mtimeMs).toISOString()
        return { data: { ...whole(path, content), created_at: time, modified_at: time } }
      }),
    write: (path, content) =>
      orError(path, async () => {
        const bytes = Buffer.from(content, isMedia(path) ? 'base64' : 'utf8')
        await writeWithFolders(sandbox, path, bytes)
        return { path, filesUpdate: null }
      }),
    edit: (path, old, replacement, all) =>
      orError(path, async () => {
        const content = await sandbox.readFile(path, { maxBytes: MAX_EDIT_BYTES })
        if (!isText(path, content)) return { error: `'${path}' is not a text file` }
        const edited = replace(content.toString(), old, replacement, all)
        if ('error' in edited) return { error: `${edited.error} in file '${path}'` }
        await sandbox.writeFile(path, edited.text, { atomic: true })
        return { path, filesUpdate: null, occurrences: edited.occurrences }
      }),
    delete: (path) =>
      orError(path, async () => {
        await sandbox.deleteFile(path, { recursive: true })
        return { path, filesUpdate: null }
      }),
    grep: (text, folder, names, max) =>
      orError(folder ?? '/', () => grep(sandbox, { text, folder, names, max }, options)),
    glob: (pattern, folder) => orError(folder ?? '/', () => glob(sandbox, pattern, folder)),
    uploadFiles: (files) =>
      Promise.all(
        files.map(async ([path, content]) => {
          const error = await errorOf(writeWithFolders(sandbox, path, content))
          return { path, error }
        }),
      ),
    downloadFiles: (paths) =>
      Promise.all(
        paths.map(async (path) => {
          const read = sandbox.readFile(path)
          const error = await errorOf(read)
          return { path, error, content: error ? null : new Uint8Array(await read) }
        }),
      ),
  }
}
