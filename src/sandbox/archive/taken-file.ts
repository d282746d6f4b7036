import type { Channel } from '../../agent/channel.js'
import { SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import type { FileEntry } from '../files/entry.js'
import { FileOperation } from '../files/file-operation.js'
import type { FileCallOptions } from '../files/options.js'

/** The number of files that are opened ahead: each one takes a round trip to the agent. */
const AHEAD = 8
/** A file up to this size is read before its header is written, so it may change until then. */
const SMALL_BYTES = 64 * 1024
/** The file was deleted meanwhile, or something else has taken its place. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EINVAL'])

/** A file with its properties at the moment of reading. `content` has exactly `size` bytes. */
export interface TakenFile {
  size: number
  mode: number
  mtimeMs: number
  content: AsyncIterable<Buffer> | Iterable<Buffer>
}

/** The contents of files, in their order. It opens a few files ahead. */
export class TakenFiles {
  readonly #lease: Lease<Channel>
  readonly #entries: readonly FileEntry[]
  readonly #call: FileCallOptions
  readonly #opened: Promise<TakenFile | undefined>[] = []
  readonly #operations = new Set<FileOperation>()
  #nextEntry = 0

  constructor(lease: Lease<Channel>, entries: readonly FileEntry[], call: FileCallOptions) {
    this.#lease = lease
    this.#entries = entries
    this.#call = call
  }

  /** Returns the next file; `undefined` if it has been deleted or replaced. */
  async next(): Promise<TakenFile | undefined> {
    while (this.#opened.length < AHEAD) {
      const entry = this.#entries[this.#nextEntry++]
      if (!entry) break
      const opened = this.#open(entry)
      opened.catch(() => {}) // the caller gets the error when it is the turn of the file
      this.#opened.push(opened)
    }
    return this.#opened.shift()
  }

  /** Closes the files that were not read to their end. */
  stop(): void {
    for (const operation of this.#operations) operation.stop(stopped())
  }

  async #open(entry: FileEntry): Promise<TakenFile | undefined> {
    const request = { op: 'take', path: entry.path } as const
    const operation = new FileOperation(this.#lease, request, this.#call)
    this.#operations.add(operation)
    const over = () => this.#operations.delete(operation)
    operation.ended.then(over, over)
    try {
      const { size = 0, mode = entry.mode, mtimeMs = entry.mtimeMs } = await operation.opened()
      if (size > SMALL_BYTES) {
        return { size, mode, mtimeMs, content: contentOf(operation, size, entry.path) }
      }
      const bytes = await upTo(operation, SMALL_BYTES)
      return { size: bytes.length, mode, mtimeMs, content: [bytes] }
    } catch (error) {
      if (error instanceof SandboxFileError && GONE.has(error.errno)) return undefined
      throw error
    }
  }
}

/** Yields exactly `size` bytes. What the file has gained since then is left out. */
async function* contentOf(operation: FileOperation, size: number, path: string) {
  let left = size
  while (left > 0) {
    const bytes = await operation.next()
    if (!bytes) {
      throw new SandboxFileError('ESTALE', path, 'the file became shorter while it was read')
    }
    yield bytes.subarray(0, left)
    left -= bytes.length
  }
  if (await operation.next()) operation.stop(stopped())
}

/** Reads at most `maxBytes`. */
async function upTo(operation: FileOperation, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let left = maxBytes
  for (let bytes = await operation.next(); bytes; bytes = await operation.next()) {
    chunks.push(bytes.subarray(0, left))
    left -= bytes.length
    if (left > 0) continue
    operation.stop(stopped())
    break
  }
  return Buffer.concat(chunks)
}

function stopped(): SandboxFileError {
  return new SandboxFileError('ECANCELED', '/workspace', 'the export ended')
}
