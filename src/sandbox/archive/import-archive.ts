import type { TarHeader } from 'modern-tar'
import { createTarDecoder } from 'modern-tar'
import type { Channel } from '../../agent/channel.js'
import type { ArchiveRequest } from '../../agent/protocol.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { leaseEnded } from '../../pool/lease.js'
import { abortedCall, FileOperation } from '../files/file-operation.js'
import { listedSizeOf, MAX_LISTING_BYTES } from '../files/files.js'
import type { FileCallOptions } from '../files/options.js'
import type { Content } from '../streams/content.js'
import { refused, refusedEntry, tooLarge } from './archive-errors.js'
import { checkedArchive } from './checked-archive.js'
import { pathOfEntry, staysInside } from './entry-path.js'
import { InFlight } from './in-flight.js'
import type { ImportedWorkspace } from './options.js'
import { rawNamesOf } from './raw-names.js'

/** The number of requests to the agent at once. Node warns at ten listeners of a signal. */
const MAX_REQUESTS = 8
/** A file up to this size is sent in the background, while the next entry is read. */
const SMALL_BYTES = 64 * 1024
/** A folder can be used until its content is complete. */
const USABLE = 0o700
const FILE_BITS = 0o777
/** Also the sticky bit. An archive cannot set setuid and setgid. */
const FOLDER_BITS = 0o1777
/** The latest time that a header without PAX can have. */
const MAX_TIME_MS = 8 ** 11 * 1000
/** What is in the place of an entry, or in its way, does not fit. */
const IN_THE_WAY: ReadonlySet<string> = new Set([
  'EEXIST',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'ENOTEMPTY',
])

interface Entry {
  header: TarHeader
  body: ReadableStream<Uint8Array>
}

/** Writes the entries of one archive into the workspace, in their order. */
export class ArchiveImport {
  readonly #lease: Lease<Channel>
  readonly #maxBytes: number
  readonly #call: FileCallOptions
  readonly #stop = new AbortController()
  readonly #requests = new InFlight(MAX_REQUESTS, (error) => this.#stop.abort(error))
  /** The folders of the archive, which get their mode and their time at the end. */
  readonly #folders = new Map<string, { mode: number; mtimeMs: number }>()
  readonly #written: ImportedWorkspace = { files: 0, folders: 0, links: 0, bytes: 0 }
  #listedBytes = 0

  constructor(lease: Lease<Channel>, maxBytes: number, call: FileCallOptions) {
    this.#lease = lease
    this.#maxBytes = maxBytes
    this.#call = call
  }

  async run(content: Content): Promise<ImportedWorkspace> {
    const { signal } = this.#call
    const abort = () => this.#stop.abort(abortedCall('/workspace', signal?.reason))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    const { container } = this.#lease
    const forget = this.#lease.onEnd((how) => this.#stop.abort(leaseEnded(container.name, how)))
    try {
      await this.#readArchive(content)
      await this.#finishFolders()
      return this.#written
    } catch (error) {
      this.#stop.abort(error)
      // Nothing is written any more when the call has failed.
      await this.#requests.settled()
      throw reasonOf(this.#stop.signal.reason)
    } finally {
      forget()
      signal?.removeEventListener('abort', abort)
    }
  }

  async #readArchive(content: Content): Promise<void> {
    const decoder = createTarDecoder({ strict: true })
    const { signal } = this.#stop
    const piped = checkedArchive(content).pipeTo(decoder.writable, { signal })
    piped.catch((error: unknown) => this.#stop.abort(error))
    for await (const entry of decoder.readable) {
      signal.throwIfAborted()
      await this.#place(entry).catch((error: unknown) => {
        // The end of the loop cancels the decoder, which would fail with an error of its own.
        this.#stop.abort(error)
        throw error
      })
    }
    await piped
    await this.#requests.settled()
    signal.throwIfAborted()
  }

  async #place({ header, body }: Entry): Promise<void> {
    const { name, target } = rawNamesOf(header)
    const path = pathOfEntry(name)
    const mtimeMs = timeOf(header)
    this.#count(path, target)
    if (header.type === 'directory') return this.#placeFolder(path, header.mode ?? 0o755, mtimeMs)
    if (path === '') throw refusedEntry(name, 'has no name')
    if (header.type === 'symlink' || header.type === 'link') {
      return this.#placeLink(header.type, path, target)
    }
    const mode = (header.mode ?? 0o644) & FILE_BITS
    return this.#placeFile({ op: 'place', path, mode, mtimeMs }, header.size, body)
  }

  async #placeFolder(path: string, mode: number, mtimeMs: number): Promise<void> {
    if (path === '') return
    this.#written.folders++
    this.#folders.set(path, { mode: mode & FOLDER_BITS, mtimeMs })
    await this.#request({ op: 'folder', path, mode: (mode & FOLDER_BITS) | USABLE })
  }

  async #placeLink(type: 'symlink' | 'link', path: string, target: string): Promise<void> {
    this.#written.links++
    if (type === 'symlink') {
      if (!staysInside(path, target)) throw refusedEntry(path, 'is a link out of the workspace')
      return this.#request({ op: 'symlink', path, to: target })
    }
    const to = pathOfEntry(target)
    if (to === path || to === '') throw refusedEntry(path, 'is a link to itself or to a folder')
    return this.#request({ op: 'link', path, to })
  }

  async #placeFile(
    request: ArchiveRequest & { op: 'place' },
    size: number,
    body: ReadableStream<Uint8Array>,
  ): Promise<void> {
    this.#written.files++
    this.#written.bytes += size
    if (this.#written.bytes > this.#maxBytes) throw tooLarge(`${this.#maxBytes} bytes`)
    const content = size > SMALL_BYTES ? body : await bytesOf(body)
    const write = async () => {
      const operation = new FileOperation(this.#lease, request, { signal: this.#stop.signal })
      await operation.write(content).catch((error: unknown) => {
        throw inTheWay(request.path, error)
      })
    }
    if (size <= SMALL_BYTES) return this.#requests.start(write)
    await write()
  }

  /** Makes a request without content, in the background. */
  async #request(request: ArchiveRequest): Promise<void> {
    await this.#requests.start(async () => {
      const operation = new FileOperation(this.#lease, request, { signal: this.#stop.signal })
      await operation.ended.catch((error: unknown) => {
        throw inTheWay(request.path, error)
      })
    })
  }

  /** Gives the folders their mode and time, each one after the folders in it. */
  async #finishFolders(): Promise<void> {
    const deepestFirst = [...this.#folders].sort(([one], [other]) => other.length - one.length)
    for (const [path, { mode, mtimeMs }] of deepestFirst) {
      this.#stop.signal.throwIfAborted()
      await this.#request({ op: 'folder', path, mode, mtimeMs })
    }
    await this.#requests.settled()
    this.#stop.signal.throwIfAborted()
  }

  /** An archive has at most as many entries as a listing, so that it fits into memory. */
  #count(path: string, target: string): void {
    this.#listedBytes += listedSizeOf({ path, target })
    if (this.#listedBytes > MAX_LISTING_BYTES) throw tooLarge('about 75,000 entries')
  }
}

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function timeOf({ mtime }: TarHeader): number {
  const ms = mtime?.getTime() ?? 0
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), MAX_TIME_MS)
}

/** Returns the error of a request. An entry that does not fit is a fault of the archive. */
function inTheWay(path: string, error: unknown): unknown {
  if (!(error instanceof SandboxFileError) || !IN_THE_WAY.has(error.errno)) return error
  const problem = `does not fit into the workspace: a link, a file or a folder is in its way, or its target is missing (${error.errno})`
  return refusedEntry(path, problem, error)
}

/**
 * Returns the error of the call. If the archive failed while a file was written, it is the cause of
 * the failed write. An error of the library is a fault of the archive.
 */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof SandboxError)) return refused('it is not valid', { cause: error })
  return error.cause instanceof SandboxError && isStopped(error) ? error.cause : error
}

function isStopped(error: SandboxError): boolean {
  return error instanceof SandboxFileError && error.errno === 'ECANCELED'
}
