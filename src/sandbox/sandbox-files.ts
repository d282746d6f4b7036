import type { Channel } from '../agent/channel.js'
import type { Content } from './streams/content.js'
import { cancelContent } from './streams/content.js'
import { deadlineIn } from '../util/deadline.js'
import { SandboxFileError } from '../errors.js'
import type { Collected } from './files/collect.js'
import { collect } from './files/collect.js'
import type { FileEntry } from './files/entry.js'
import { Files } from './files/files.js'
import type {
  CollectOptions,
  FileCallOptions,
  ReadFileOptions,
  TreeOptions,
  WriteFileOptions,
} from './files/options.js'
import type { Lease } from '../pool/lease.js'
import * as calls from '../schemas/sandbox-calls.js'
import { check } from '../schemas/check.js'
import { Path } from '../schemas/values.js'

type FileFormat = 'bytes' | 'text' | 'stream'

const DEFAULT_MAX_READ_BYTES = 64 * 1024 * 1024

/**
 * The files of a sandbox: every `Sandbox` has these.
 *
 * Paths are relative to `/workspace`. File calls have the rights of the user's code, no more; where
 * the system refuses they throw a `SandboxFileError` with its `errno`: `ENOENT`, `EACCES`, `EISDIR`,
 * `ENOSPC`, `ENAMETOOLONG`, ... With an aborted `signal` that is `ECANCELED`, past `timeoutMs`
 * `ETIMEDOUT`.
 */
export class SandboxFiles {
  readonly #files: Files

  /** For the sandbox. */
  constructor(use: () => Lease<Channel>) {
    this.#files = new Files(use)
  }

  /** Writes a file over what was there. Its folder must exist. A stream is never whole in memory. */
  async writeFile(path: string, content: Content, options: WriteFileOptions = {}): Promise<void> {
    const data = check(calls.Content, content, 'writeFile: content')
    const { atomic, mode, ...call } = check(calls.WriteCall, options, 'writeFile')
    await this.#files.write({ op: 'write', path: pathOf(path), atomic, mode }, data, call)
  }

  /** Writes files, one after the other, each as `writeFile()` does; ends at the first that fails. */
  async writeFiles(
    files: readonly { path: string; content: Content }[],
    options: WriteFileOptions = {},
  ): Promise<void> {
    const checked = check(calls.FilesToWrite, files, 'writeFiles')
    const { timeoutMs, signal, ...request } = check(calls.WriteCall, options, 'writeFiles')
    try {
      await inTime({ timeoutMs, signal }, async (call) => {
        for (const { path, content } of checked) {
          await this.#files.write({ op: 'write', path, ...request }, content, call)
        }
      })
    } finally {
      for (const { content } of checked) cancelContent(content) // what was not reached
    }
  }

  /**
   * Reads a regular file: as a `Buffer`, as text (UTF-8, anything else becomes U+FFFD), or as a
   * stream, which reads no further than it is read.
   */
  async readFile(
    path: string,
    options?: ReadFileOptions & { format?: 'bytes' | undefined },
  ): Promise<Buffer>
  async readFile(path: string, options: ReadFileOptions & { format: 'text' }): Promise<string>
  async readFile(
    path: string,
    options: ReadFileOptions & { format: 'stream' },
  ): Promise<ReadableStream<Uint8Array>>
  async readFile(
    path: string,
    options: ReadFileOptions & { format?: FileFormat | undefined },
  ): Promise<Buffer | string | ReadableStream<Uint8Array>>
  async readFile(
    path: string,
    options: ReadFileOptions & { format?: FileFormat | undefined } = {},
  ): Promise<Buffer | string | ReadableStream<Uint8Array>> {
    const { format, maxBytes, offset, length, ...call } = check(calls.ReadCall, options, 'readFile')
    const request = { op: 'read', path: pathOf(path), offset, length } as const
    if (format === 'stream') return this.#files.stream(request, call)
    const most = maxBytes ?? DEFAULT_MAX_READ_BYTES
    if (format === 'text') return this.#files.readText(request, most, call)
    return this.#files.read(request, most, call)
  }

  /** What is in a folder, by path. Links are listed, not followed. */
  async listFiles(path = '.', options: TreeOptions = {}): Promise<FileEntry[]> {
    const { recursive = false, ...call } = check(calls.TreeCall, options, 'listFiles')
    return this.#files.list(pathOf(path), recursive, call)
  }

  /** What a path leads to, through links. */
  async stat(path: string, options: FileCallOptions = {}): Promise<FileEntry> {
    const call = check(calls.FileCallWaiting, options, 'stat')
    return this.#files.stat(pathOf(path), call)
  }

  /** Whether a path leads to something; `false` as well where a link leads nowhere. */
  async exists(path: string, options: FileCallOptions = {}): Promise<boolean> {
    const call = check(calls.FileCallWaiting, options, 'exists')
    try {
      await this.#files.stat(pathOf(path), call)
      return true
    } catch (error) {
      if (error instanceof SandboxFileError && NOTHING_THERE.has(error.errno)) return false
      throw error
    }
  }

  /** Makes a folder. With `recursive` those above it too, and one that is there is no error. */
  async mkdir(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'mkdir')
    await this.#files.ask({ op: 'mkdir', path: pathOf(path), recursive }, call)
  }

  /** Moves a file or a folder; a file at the new place is replaced. */
  async moveFile(from: string, to: string, options: FileCallOptions = {}): Promise<void> {
    const call = check(calls.FileCallWaiting, options, 'moveFile')
    const paths = [pathOf(from), pathOf(to)] as const
    await inTime(call, (each) => this.#files.move(...paths, each))
  }

  /** Deletes a file or a link. With `recursive` a folder too, with all that is in it. */
  async deleteFile(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'deleteFile')
    await this.#files.ask({ op: 'delete', path: pathOf(path), recursive }, call)
  }

  /**
   * Gives the files that a run left behind, with their content and type. What is past the limits or
   * cannot be read is counted in `omitted`. Links are not followed.
   */
  async collect(options: CollectOptions = {}): Promise<Collected> {
    check(calls.CollectCall, options, 'collect')
    return inTime(options, (call) => collect(this.#files, { ...options, ...call }))
  }
}

const NOTHING_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/** One deadline for a call that asks the agent more than once. */
async function inTime<T>(
  { timeoutMs, signal }: FileCallOptions,
  run: (call: FileCallOptions) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return run({ signal })
  const deadline = deadlineIn(timeoutMs, signal)
  return run({ timeoutMs: undefined, signal: deadline.signal }).finally(deadline.clear)
}

function pathOf(path: string): string {
  return check(Path, path, 'path')
}
