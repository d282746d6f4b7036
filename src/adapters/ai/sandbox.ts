import { SandboxError } from '../../errors.js'
import type { Sandbox } from '../../sandbox/sandbox.js'
import type { Content } from '../../sandbox/streams/content.js'
import { spawnIn } from './spawn.js'
import type { AiFileCall, AiSandbox } from './types.js'
import { nullIfMissing, writeWithFolders } from '../shared/files.js'
import { shellCommand } from '../shared/shell-command.js'
import { shellResult } from '../shared/shell-result.js'

/** The options of {@link aiSandbox}. */
export interface AiSandboxOptions {
  /**
   * The time limit of `run()`, in milliseconds. A process of `spawn()` ends with the lease.
   *
   * @default 30_000
   */
  timeoutMs?: number | undefined
}

/**
 * Makes the sandbox that the functions and agents of the package `ai` 7 accept as
 * `experimental_sandbox`. Paths are relative to `/workspace`. Commands run with bash, or with
 * `/bin/sh` if the image has no bash.
 *
 * If the `abortSignal` of a call aborts, the program is killed and the call rejects: a command with
 * the reason of the signal, a file call with the `errno` `ECANCELED`. If a program is killed for
 * another reason, for example its time limit, the last line of `stderr` has the reason.
 *
 * @throws SandboxError, from each call, as the calls of {@link Sandbox} do.
 *
 * @example
 * ```ts
 * import { SandboxPool } from 'hono-sandbox'
 * import { aiSandbox } from 'hono-sandbox/adapters'
 *
 * const pool = new SandboxPool({ languages: { python: { size: 1 } } })
 * const sandbox = await pool.acquire('python')
 * const experimental_sandbox = aiSandbox(sandbox) // an option of generateText()
 * console.log(await experimental_sandbox.run({ command: 'python3 --version' }))
 * sandbox.release()
 * await pool.close()
 * ```
 */
export function aiSandbox(sandbox: Sandbox, { timeoutMs }: AiSandboxOptions = {}): AiSandbox {
  const read = ({ path, abortSignal: signal }: AiFileCall) =>
    nullIfMissing(sandbox.readFile(path, { signal }))
  const write = ({ path, abortSignal: signal }: AiFileCall, content: Content) =>
    writeWithFolders(sandbox, path, content, { signal })
  return {
    description: `An isolated Linux container for ${sandbox.language}. It begins in /workspace.`,
    readFile: ({ path, abortSignal: signal }) =>
      nullIfMissing(sandbox.readFile(path, { format: 'stream', signal })),
    readBinaryFile: read,
    readTextFile: async ({ encoding, startLine = 1, endLine, ...file }) => {
      const bytes = await read(file)
      if (bytes === null) return null
      const lines = bytes.toString(encodingOf(encoding)).split('\n')
      return lines.slice(startLine - 1, endLine).join('\n')
    },
    writeFile: ({ content, ...file }) => write(file, content),
    writeBinaryFile: ({ content, ...file }) => write(file, content),
    writeTextFile: async ({ content, encoding, ...file }) =>
      write(file, Buffer.from(content, encodingOf(encoding))),
    stat: async ({ path, abortSignal: signal }) => {
      const entry = await nullIfMissing(sandbox.stat(path, { signal }))
      // stat() follows links, so the type is never `symlink`. The types of the SDK do not have it.
      return entry && { type: entry.type === 'symlink' ? 'other' : entry.type, size: entry.size }
    },
    listDirectory: async ({ path, abortSignal: signal }) => {
      const entries = await nullIfMissing(sandbox.listFiles(path, { signal }), ['ENOENT'])
      return entries && entries.map(({ name, type }) => ({ name, type }))
    },
    deleteFile: async ({ path, abortSignal: signal }) => {
      const deleted = sandbox.deleteFile(path, { signal }).then(() => true)
      return (await nullIfMissing(deleted)) ?? false
    },
    run: async ({ command, workingDirectory: cwd, env, abortSignal: signal }) => {
      signal?.throwIfAborted()
      const result = await sandbox.exec(shellCommand(command), { cwd, env, signal, timeoutMs })
      signal?.throwIfAborted()
      return shellResult(result)
    },
    spawn: spawnIn(sandbox),
  }
}

function encodingOf(name = 'utf-8'): BufferEncoding {
  if (Buffer.isEncoding(name)) return name
  const message = 'the encoding of a text file is not supported, expected utf-8, utf-16le or latin1'
  throw new SandboxError('SANDBOX_INVALID_OPTION', message)
}
