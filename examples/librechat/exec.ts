import { dirname } from 'node:path/posix'
import { HTTPException } from 'hono/http-exception'
import type { FileEntry, KilledBy, Sandbox } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'
import type { FileStore, StoredFile } from './file-store.js'
import { runProgram } from './languages.js'
import type { Exec } from './requests.js'

const MAX_FILES = 100
const MAX_BYTES = 25 * 1024 * 1024

const WHY: Readonly<Partial<Record<KilledBy, string>>> = {
  timeout: 'Time limit exceeded',
  oom: 'Out of memory',
  output: 'The output is too long',
  pids: 'Too many processes',
  disk: 'No space left in /mnt/data',
}

/** A file that the program of a request gets. */
interface Input {
  file: StoredFile
  /** The path that the request gives it. */
  name: string
  id: string
  session: string
}

/**
 * Returns the files that a request names, with the paths that it gives them.
 *
 * @throws HTTPException with the status 403 if the caller has no such file.
 */
export function inputsOf({ files }: Exec, caller: string, store: FileStore): Input[] {
  return files.map(({ id, session, name }) => {
    const file = store.find(caller, session, id)
    if (!file) throw new HTTPException(403, { message: 'Unauthorized file reference' })
    return { file, name, id, session }
  })
}

/** A request after its checks: the program, its files and its time limit. */
interface Execution {
  exec: Exec
  inputs: readonly Input[]
  store: FileStore
  caller: string
  timeoutMs: number
}

/** Runs the program of a request with its files, and stores the files that it writes. */
export async function execute(box: Sandbox, execution: Execution) {
  const { exec, inputs, store, caller, timeoutMs } = execution
  for (const { name, file } of inputs) {
    await box.mkdir(dirname(name), { recursive: true })
    await box.writeFile(name, file.content)
  }
  const since = await box.listFiles('/workspace', { recursive: true })
  const run = await runProgram(box, { ...exec, timeoutMs })
  const written = await collectFiles(box, since)

  const byName = new Map(inputs.map((input) => [input.name, input]))
  const results = (written?.files ?? []).filter(({ path }) => !byName.get(path)?.file.isReadOnly)
  const added = store.add(
    caller,
    results.map(({ path, mimeType, content, mtimeMs }) => {
      const modifiedAt = new Date(mtimeMs)
      const own = new Uint8Array(content)
      return { name: path, mimeType, content: own, modifiedAt, isReadOnly: false }
    }),
  )
  const omitted = (written?.omitted ?? 0) + results.length - added.files.size
  const notes = [
    run.killedBy && WHY[run.killedBy],
    !written && 'The files of the program cannot be read',
    omitted > 0 && `${omitted} files were not kept: they are too large or too many`,
  ].filter((note) => typeof note === 'string')
  const output = {
    stdout: run.stdout,
    stderr: run.stderr + notes.map((note) => `\n[${note}]`).join(''),
    code: run.exitCode,
    signal: run.signal,
  }
  const { session } = added
  return {
    session_id: session,
    ...output,
    run: output,
    files: [...added.files].map(([id, { name }]) => {
      const before = byName.get(name)
      const modified_from = before && { id: before.id, session_id: before.session }
      return { id, name, session_id: session, storage_session_id: session, modified_from }
    }),
  }
}

/**
 * Returns the files that a program wrote; `undefined` if it has made the folder unreadable, or if the
 * container is gone, for example because it ran out of memory. The output of the program is kept.
 */
async function collectFiles(box: Sandbox, since: readonly FileEntry[]) {
  try {
    return await box.collect({ since, maxFiles: MAX_FILES, maxBytes: MAX_BYTES })
  } catch (error) {
    if (error instanceof SandboxFileError || box.signal.aborted) return undefined
    throw error
  }
}
