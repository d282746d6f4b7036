import type { Channel } from '../agent/channel.js'
import { exportArchive } from './archive/export-archive.js'
import { ArchiveImport } from './archive/import-archive.js'
import type {
  ExportWorkspaceOptions,
  ImportedWorkspace,
  ImportWorkspaceOptions,
} from './archive/options.js'
import { DEFAULT_MAX_ARCHIVE_BYTES } from './archive/options.js'
import type { Content } from './streams/content.js'
import { cancelContent, isStream } from './streams/content.js'
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
  readonly #use: () => Lease<Channel>

  /** Used by the constructor of `Sandbox`. */
  constructor(use: () => Lease<Channel>) {
    this.#files = new Files(use)
    this.#use = use
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

  /**
   * Returns the content of `/workspace` as a tar archive: files, folders, also empty ones, symbolic
   * links, permissions and modification times in whole seconds. The stream reads at most 8 MiB
   * ahead of its reader. It fails if the lease ends before its end, so an incomplete archive is
   * never taken for a complete one.
   *
   * Left out are links out of the workspace, FIFOs, sockets and files that were deleted meanwhile. A
   * hard link becomes a file of its own. A file that grows meanwhile is cut at its earlier length;
   * if it becomes shorter, the stream fails with the `errno` `ESTALE`. What the programs change
   * during an export may be in the archive or not.
   *
   * @throws SandboxFileError before the first byte: `EACCES` if a file or a folder is not readable,
   * `EFBIG` if there are more than about 75,000 entries or more bytes than `maxBytes`, `ECANCELED`
   * or `ETIMEDOUT` if the call was ended. The stream can fail with the same errors.
   */
  async exportWorkspace(options: ExportWorkspaceOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const { maxBytes = DEFAULT_MAX_ARCHIVE_BYTES, ...call } = check(
      calls.ArchiveCall,
      options,
      'exportWorkspace',
    )
    const lease = this.#use()
    // The time limit lasts until the end of the stream.
    const { signal, clear } = deadlineOf(call)
    try {
      return await exportArchive(lease, this.#files, maxBytes, { signal }, clear)
    } catch (error) {
      clear()
      throw error
    }
  }

  /**
   * Writes the entries of a tar archive into `/workspace`, as the archive arrives. The archive may
   * come from anyone: no entry is written outside of the workspace or through a link. Compressed
   * archives are not accepted.
   *
   * An entry replaces a file or a link in its place. A folder that exists keeps its other content.
   * Owners, setuid and setgid are ignored. If the call fails, the entries before stay.
   *
   * @throws SandboxError `SANDBOX_ARCHIVE_REFUSED` before an entry is written that is not accepted:
   * names that are absolute or have `..`, links out of the workspace, paths through a link, devices,
   * FIFOs, sparse files; and if the archive is damaged, not complete, or no tar archive.
   * `SANDBOX_ARCHIVE_TOO_LARGE` if it exceeds `maxBytes` or has more than about 75,000 entries.
   * @throws SandboxFileError `ENOSPC` if the workspace is full, `ECANCELED` if the content could not
   * be read or the call was ended, `ETIMEDOUT`.
   */
  async importWorkspace(
    content: Content,
    options: ImportWorkspaceOptions = {},
  ): Promise<ImportedWorkspace> {
    const data = check(calls.Content, content, 'importWorkspace: content')
    try {
      const { maxBytes = DEFAULT_MAX_ARCHIVE_BYTES, ...call } = check(
        calls.ArchiveCall,
        options,
        'importWorkspace',
      )
      const lease = this.#use()
      const written = inTime(call, (each) => new ArchiveImport(lease, maxBytes, each).run(data))
      if (!isStream(data)) lease.busyUntil(written)
      return await written
    } finally {
      cancelContent(data)
    }
  }
}

const NOT_FOUND: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/** Runs a call that needs several requests to the agent within one time limit. */
async function inTime<T>(
  { timeoutMs, signal }: FileCallOptions,
  run: (call: FileCallOptions) => Promise<T>,
): Promise<T> {
  const deadline = deadlineOf({ timeoutMs, signal })
  return run({ timeoutMs: undefined, signal: deadline.signal }).finally(deadline.clear)
}

/** Returns the signal of a call, with its time limit. */
function deadlineOf({ timeoutMs, signal }: FileCallOptions): {
  signal: AbortSignal | undefined
  clear: () => void
} {
  return timeoutMs === undefined ? { signal, clear: () => {} } : deadlineIn(timeoutMs, signal)
}

function pathOf(path: string): string {
  return check(Path, path, 'path')
}
