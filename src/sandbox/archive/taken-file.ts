import * as v from 'valibot'
import type { Channel } from '../../agent/channel.js'
import { Packed } from '../../agent/protocol.js'
import { SandboxFileError } from '../../errors.js'
import type { Lease } from '../../pool/lease.js'
import type { FileEntry } from '../files/entry.js'
import { FileOperation } from '../files/file-operation.js'
import type { FileCallOptions } from '../files/options.js'
import { groupsOf, isSmall } from './groups.js'
import { linesOf, unreadable } from './lines.js'

/** The number of groups that are requested ahead: each request takes a round trip to the agent. */
const AHEAD = 2
/** The file was deleted meanwhile, or something else has taken its place. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EINVAL'])

/** A file with its properties at the moment of reading. `content` has exactly `size` bytes. */
export interface TakenFile {
  size: number
  mode: number
  mtimeMs: number
  content: AsyncIterable<Buffer> | Iterable<Buffer>
}

/** The files of one request; `undefined` for a file that has been deleted or replaced. */
type Group = (TakenFile | undefined)[]

/** The contents of files, in their order. It requests a few files ahead. */
export class TakenFiles {
  readonly #lease: Lease<Channel>
  readonly #call: FileCallOptions
  readonly #groups: Iterator<FileEntry[]>
  readonly #requested: Promise<Group>[] = []
  readonly #operations = new Set<FileOperation>()
  #current: Group = []

  constructor(lease: Lease<Channel>, entries: readonly FileEntry[], call: FileCallOptions) {
    this.#lease = lease
    this.#call = call
    this.#groups = groupsOf(entries)
  }

  /** Returns the next file; `undefined` if it has been deleted or replaced. */
  async next(): Promise<TakenFile | undefined> {
    while (this.#requested.length < AHEAD) {
      const { done, value } = this.#groups.next()
      if (done) break
      const group = this.#request(value)
      group.catch(() => {}) // the caller gets the error when it is the turn of the group
      this.#requested.push(group)
    }
    if (this.#current.length === 0) this.#current = (await this.#requested.shift()) ?? []
    return this.#current.shift()
  }

  /** Ends the requests whose files were not read to their end. */
  stop(): void {
    for (const operation of this.#operations) operation.stop(stopped())
  }

  async #request(group: readonly FileEntry[]): Promise<Group> {
    const [first] = group
    if (!first) return []
    return isSmall(first) ? this.#pack(group) : [await this.#take(first)]
  }

  async #pack(group: readonly FileEntry[]): Promise<Group> {
    const operation = this.#begin({ op: 'pack', paths: group.map(({ path }) => path) })
    const files: Group = []
    for await (const line of linesOf(operation)) files.push(packedFile(line))
    if (files.length !== group.length) throw unreadable()
    return files
  }

  async #take({ path, ...entry }: FileEntry): Promise<TakenFile | undefined> {
    try {
      const operation = this.#begin({ op: 'take', path })
      const { size = 0, mode = entry.mode, mtimeMs = entry.mtimeMs } = await operation.opened()
      return { size, mode, mtimeMs, content: contentOf(operation, size, path) }
    } catch (error) {
      if (error instanceof SandboxFileError && GONE.has(error.errno)) return undefined
      throw error
    }
  }

  #begin(request: { op: 'take'; path: string } | { op: 'pack'; paths: string[] }): FileOperation {
    const operation = new FileOperation(this.#lease, request, this.#call)
    this.#operations.add(operation)
    const over = () => this.#operations.delete(operation)
    operation.ended.then(over, over)
    return operation
  }
}

function packedFile(line: unknown): TakenFile | undefined {
  const { success, output: file } = v.safeParse(Packed, line)
  if (!success) throw unreadable()
  if ('code' in file) {
    if (GONE.has(file.code)) return undefined
    throw new SandboxFileError(file.code, file.path, file.message)
  }
  const content = Buffer.from(file.content, 'base64')
  return { ...file, size: content.length, content: [content] }
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

function stopped(): SandboxFileError {
  return new SandboxFileError('ECANCELED', '/workspace', 'the export ended')
}
