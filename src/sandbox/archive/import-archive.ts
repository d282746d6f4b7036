import type { TarHeader } from 'modern-tar'
import { createTarDecoder } from 'modern-tar'
import type { Channel } from '../../agent/channel.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { leaseEnded } from '../../pool/lease.js'
import { abortedCall } from '../files/file-operation.js'
import { listedSizeOf, MAX_LISTING_BYTES } from '../files/files.js'
import type { FileCallOptions } from '../files/options.js'
import type { Content } from '../streams/content.js'
import { refused, refusedEntry, tooLarge } from './archive-errors.js'
import { checkedArchive } from './checked-archive.js'
import { pathOfEntry, staysInside } from './entry-path.js'
import { isSmall } from './groups.js'
import type { ImportedWorkspace } from './options.js'
import { Placing } from './placing.js'
import { rawNamesOf } from './raw-names.js'

/** A folder can be used until its content is complete. */
const USABLE = 0o700
const FILE_BITS = 0o777
/** Also the sticky bit. An archive cannot set setuid and setgid. */
const FOLDER_BITS = 0o1777
/** The latest time that a header without PAX can have. */
const MAX_TIME_MS = 8 ** 11 * 1000
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
  readonly #placing: Placing
  /** The folders of the archive, which get their mode and their time at the end. */
  readonly #folders = new Map<string, { mode: number; mtimeMs: number }>()
  readonly #written: ImportedWorkspace = { files: 0, folders: 0, links: 0, bytes: 0 }
  #listedBytes = 0

  constructor(lease: Lease<Channel>, maxBytes: number, call: FileCallOptions) {
    this.#lease = lease
    this.#maxBytes = maxBytes
    this.#call = call
    this.#placing = new Placing(lease, this.#stop)
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
      await this.#placing.settled().catch(() => {})
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
    await this.#placing.settled()
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
    return this.#placeFile({ path, mode, mtimeMs }, header.size, body)
  }

  async #placeFolder(path: string, mode: number, mtimeMs: number): Promise<void> {
    if (path === '') return
    this.#written.folders++
    this.#folders.set(path, { mode: mode & FOLDER_BITS, mtimeMs })
    await this.#placing.add({ type: 'directory', path, mode: (mode & FOLDER_BITS) | USABLE })
  }

  async #placeLink(type: 'symlink' | 'link', path: string, target: string): Promise<void> {
    this.#written.links++
    if (type === 'symlink') {
      if (!staysInside(path, target)) throw refusedEntry(path, 'is a link out of the workspace')
      return this.#placing.add({ type, path, to: target })
    }
    const to = pathOfEntry(target)
    if (to === path || to === '') throw refusedEntry(path, 'is a link to itself or to a folder')
    return this.#placing.add({ type, path, to })
  }

  async #placeFile(
    file: { path: string; mode: number; mtimeMs: number },
    size: number,
    body: ReadableStream<Uint8Array>,
  ): Promise<void> {
    this.#written.files++
    this.#written.bytes += size
    if (this.#written.bytes > this.#maxBytes) throw tooLarge(`${this.#maxBytes} bytes`)
    if (!isSmall({ size })) return this.#placing.write({ op: 'place', ...file }, body)
    const content = (await bytesOf(body)).toString('base64')
    return this.#placing.add({ type: 'file', ...file, content })
  }

  /** Gives the folders their mode and time, each one after the folders in it. */
  async #finishFolders(): Promise<void> {
    const deepestFirst = [...this.#folders].sort(([one], [other]) => other.length - one.length)
    for (const [path, { mode, mtimeMs }] of deepestFirst) {
      await this.#placing.add({ type: 'directory', path, mode, mtimeMs })
    }
    await this.#placing.settled()
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
