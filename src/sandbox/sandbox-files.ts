import type { Channel } from '../agent/channel.js'
import type { Content } from './streams/content.js'
import { cancelContent } from './streams/content.js'
import { deadlineIn } from '../util/deadline.js'
import { SandboxFileError } from '../errors.js'
import type { Collected } from './files/collect.js'
import { collect } from './files/collect.js'
import type { FileEntry } from './files/entry.js'
import { DEFAULT_MAX_READ_BYTES, Files } from './files/files.js'
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

/**
 * The file calls of a sandbox. Every {@link Sandbox} has them.
 *
 * Paths are relative to `/workspace`. File calls have the same permissions as the user's code. If
 * the system refuses a call, it throws a `SandboxFileError` with the `errno` of the system:
 * `ENOENT`, `EACCES`, `EISDIR`, `ENOSPC`, `ENAMETOOLONG`, ... If the `signal` aborts, the `errno`
 * is `ECANCELED`; after `timeoutMs` it is `ETIMEDOUT`.
 */
export class SandboxFiles {
  readonly #files: Files

  /** Used by the constructor of `Sandbox`. */
  constructor(use: () => Lease<Channel>) {
    this.#files = new Files(use)
  }

  /**
   * Writes a file. Replaces the content of a file that exists. The folder of the file must exist.
   * The content of a stream is written chunk by chunk and is never completely in memory.
   */
  async writeFile(path: string, content: Content, options: WriteFileOptions = {}): Promise<void> {
    const data = check(calls.Content, content, 'writeFile: content')
    const { atomic, mode, ...call } = check(calls.WriteCall, options, 'writeFile')
    await this.#files.write({ op: 'write', path: pathOf(path), atomic, mode }, data, call)
  }

  /**
   * Writes several files, one after the other, each one as `writeFile()` does. Stops at the first
   * error and throws it. The time limit is for all files together.
   */
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
      // After an error, some contents were not read.
      for (const { content } of checked) cancelContent(content)
    }
  }

  /**
   * Reads a regular file: as a `Buffer`, as UTF-8 text (other bytes become U+FFFD), or as a stream.
   * The stream reads the file only as fast as the stream itself is read.
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

  /** Lists a folder. The entries are sorted by path. Links are listed, but not followed. */
  async listFiles(path = '.', options: TreeOptions = {}): Promise<FileEntry[]> {
    const { recursive = false, ...call } = check(calls.TreeCall, options, 'listFiles')
    return this.#files.list(pathOf(path), recursive, call)
  }

  /** Describes the file or folder at a path. Follows links. */
  async stat(path: string, options: FileCallOptions = {}): Promise<FileEntry> {
    const call = check(calls.FileCallWaiting, options, 'stat')
    return this.#files.stat(pathOf(path), call)
  }

  /** Returns whether a file or folder exists at a path. Returns `false` for a broken link. */
  async exists(path: string, options: FileCallOptions = {}): Promise<boolean> {
    const call = check(calls.FileCallWaiting, options, 'exists')
    try {
      await this.#files.stat(pathOf(path), call)
      return true
    } catch (error) {
      if (error instanceof SandboxFileError && NOT_FOUND.has(error.errno)) return false
      throw error
    }
  }

  /**
   * Creates a folder. With `recursive` it also creates the folders above it, and a folder that
   * exists is not an error.
   */
  async mkdir(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'mkdir')
    await this.#files.execute({ op: 'mkdir', path: pathOf(path), recursive }, call)
  }

  /** Moves a file or a folder. Replaces a file that exists at the new path. */
  async moveFile(from: string, to: string, options: FileCallOptions = {}): Promise<void> {
    const call = check(calls.FileCallWaiting, options, 'moveFile')
    const paths = [pathOf(from), pathOf(to)] as const
    await inTime(call, (each) => this.#files.move(...paths, each))
  }

  /** Deletes a file or a link. With `recursive` it also deletes a folder and its content. */
  async deleteFile(path: string, options: TreeOptions = {}): Promise<void> {
    const { recursive, ...call } = check(calls.TreeCall, options, 'deleteFile')
    await this.#files.execute({ op: 'delete', path: pathOf(path), recursive }, call)
  }

  /**
   * Returns the files in a folder, for example those that a run has written, with their content and
   * MIME type. Files that exceed the limits or cannot be read are only counted, in `omitted`. Links
   * are not followed.
   */
  async collect(options: CollectOptions = {}): Promise<Collected> {
    check(calls.CollectCall, options, 'collect')
    return inTime(options, (call) => collect(this.#files, { ...options, ...call }))
  }
}

const NOT_FOUND: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/** Runs a call that needs several requests to the agent within one time limit. */
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
