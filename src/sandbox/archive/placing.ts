import * as v from 'valibot'
import type { Channel } from '../../agent/channel.js'
import type { ArchiveRequest, PlacedEntry } from '../../agent/protocol.js'
import { NotPlaced } from '../../agent/protocol.js'
import { SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import { FileOperation } from '../files/file-operation.js'
import { refusedEntry } from './archive-errors.js'
import { isFull } from './groups.js'
import { linesOf, unreadable } from './lines.js'

/** The errors for an entry whose place something else has taken. */
const IN_THE_WAY: ReadonlySet<string> = new Set([
  'EEXIST',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
])

/**
 * Places entries in the workspace, in their order. Small entries are sent together, while the next
 * ones are read.
 */
export class Placing {
  readonly #lease: Lease<Channel>
  /** Aborts when the import fails, by itself or because an entry cannot be placed. */
  readonly #stop: AbortController
  #entries: PlacedEntry[] = []
  #bytes = 0
  /** The request under way. It never rejects. */
  #sent: Promise<void> = Promise.resolve()

  constructor(lease: Lease<Channel>, stop: AbortController) {
    this.#lease = lease
    this.#stop = stop
  }

  /** Adds a small entry. Waits while many others wait. */
  async add(entry: PlacedEntry): Promise<void> {
    this.#entries.push(entry)
    if (entry.type === 'file') this.#bytes += entry.content.length
    if (isFull(this.#entries.length, this.#bytes)) await this.#send()
  }

  /** Writes a file, after the entries before it. */
  async write(
    request: ArchiveRequest & { op: 'place' },
    content: ReadableStream<Uint8Array>,
  ): Promise<void> {
    await this.settled()
    const operation = new FileOperation(this.#lease, request, { signal: this.#stop.signal })
    await operation.write(content).catch((error: unknown) => {
      throw inTheWay(request.path, error)
    })
  }

  /**
   * Waits until all entries are placed. Rejects if the import has failed.
   */
  async settled(): Promise<void> {
    await this.#send()
    await this.#sent
    this.#stop.signal.throwIfAborted()
  }

  async #send(): Promise<void> {
    await this.#sent
    const entries = this.#entries
    this.#entries = []
    this.#bytes = 0
    if (entries.length === 0 || this.#stop.signal.aborted) return
    this.#sent = this.#unpack(entries).catch((error: unknown) => this.#stop.abort(error))
  }

  async #unpack(entries: readonly PlacedEntry[]): Promise<void> {
    const request = { op: 'unpack', entries } as const
    const operation = new FileOperation(this.#lease, request, { signal: this.#stop.signal })
    for await (const line of linesOf(operation)) {
      const failed = v.safeParse(NotPlaced, line)
      const entry = failed.success ? entries[failed.output.index] : undefined
      if (!failed.success || !entry) throw unreadable()
      const { code, message } = failed.output
      throw inTheWay(entry.path, new SandboxFileError(code, entry.path, message))
    }
  }
}

/** Returns the error of a request. An entry that does not fit is a fault of the archive. */
function inTheWay(path: string, error: unknown): unknown {
  if (!(error instanceof SandboxFileError) || !IN_THE_WAY.has(error.errno)) return error
  const problem = `does not fit into the workspace: a link, a file or a folder is in its way, or its target is missing (${error.errno})`
  return refusedEntry(path, problem, error)
}
