import path from 'node:path'
import * as v from 'valibot'
import type { Channel } from '../../agent/channel.js'
import type { FileRequest } from '../../agent/protocol.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Content } from '../streams/content.js'
import { cancelContent, isStream } from '../streams/content.js'
import { sortByPath } from './sort-by-path.js'
import { FileOperation } from './file-operation.js'
import type { FileEntry } from './entry.js'
import type { FileCallOptions } from './options.js'
import type { Lease } from '../../pool/lease.js'
import { Slices } from '../../util/loop-turn.js'

const Entry = v.object({
  path: v.pipe(v.string(), v.minLength(1)),
  type: v.picklist(['file', 'directory', 'symlink', 'other']),
  size: v.number(),
  mtimeMs: v.number(),
  mode: v.number(),
  target: v.optional(v.string()),
})

/** The maximum size of a file that is read at once, if the call has no other limit. */
export const DEFAULT_MAX_READ_BYTES = 64 * 1024 * 1024

/** The size of an entry without its path, in bytes. */
const ENTRY_BYTES = 200
/** The additional size of an unpaired surrogate: it is 20 times as slow to write as JSON. */
const SURROGATE_BYTES = 50
const SURROGATES = /\p{Surrogate}/gu
/**
 * The maximum size of a listing: about 75,000 entries with short names. An app that answers with a
 * listing writes it as JSON in one turn of the event loop. That takes about 30 ms, and 60 ms for
 * the slowest listing (measured).
 */
export const MAX_LISTING_BYTES = 16 * 1024 * 1024
const MAX_LINE_BYTES = 64 * 1024

type Use = () => Lease<Channel>

/** Makes the file requests of a lease. The caller has checked the options. */
export class Files {
  readonly #use: Use

  constructor(use: Use) {
    this.#use = use
  }

  /**
   * Starts a request and marks the lease as busy until it ends. Do not use this for a request that
   * streams: such a request waits for the other end of its stream, not for the sandbox.
   */
  #call(request: FileRequest, options: FileCallOptions): FileOperation {
    const lease = this.#use()
    const call = new FileOperation(lease, request, options)
    lease.busyUntil(call.ended)
    return call
  }

  async write(
    request: FileRequest & { op: 'write' },
    content: Content,
    options: FileCallOptions,
  ): Promise<void> {
    try {
      const call = isStream(content)
        ? new FileOperation(this.#use(), request, options)
        : this.#call(request, options)
      await call.write(content)
    } finally {
      cancelContent(content)
    }
  }

  async read(
    request: FileRequest & { op: 'read' },
    maxBytes: number,
    options: FileCallOptions,
  ): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const bytes of this.#chunks(request, maxBytes, options)) chunks.push(bytes)
    return Buffer.concat(chunks)
  }

  /** Reads a file as text. Decodes chunk by chunk: to decode 64 MiB at once takes half a second. */
  async readText(
    request: FileRequest & { op: 'read' },
    maxBytes: number,
    options: FileCallOptions,
  ): Promise<string> {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const slices = new Slices()
    const parts: string[] = []
    for await (const bytes of this.#chunks(request, maxBytes, options)) {
      parts.push(decoder.decode(bytes, { stream: true }))
      await slices.next()
    }
    return [...parts, decoder.decode()].join('')
  }

  async *#chunks(
    request: FileRequest & { op: 'read' },
    maxBytes: number,
    options: FileCallOptions,
  ): AsyncGenerator<Buffer, void, undefined> {
    const call = this.#call(request, options)
    let size = 0
    for (let bytes = await call.next(); bytes; bytes = await call.next()) {
      size += bytes.length
      if (size > maxBytes) {
        const message = `the file is longer than ${maxBytes} bytes`
        const tooLarge = new SandboxFileError('EFBIG', request.path, message)
        call.stop(tooLarge)
        throw tooLarge
      }
      yield bytes
    }
  }

  /**
   * Opens a file and returns a stream of its bytes. The stream does not read ahead of its reader.
   */
  async stream(
    request: FileRequest & { op: 'read' },
    options: FileCallOptions,
  ): Promise<ReadableStream<Uint8Array>> {
    const call = new FileOperation(this.#use(), request, options)
    await call.opened()
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const bytes = await call.next()
          if (bytes) controller.enqueue(bytes)
          else controller.close()
        },
        cancel: () => {
          call.stop(new SandboxFileError('ECANCELED', request.path, 'the stream was cancelled'))
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** Yields the entries of a listing as they arrive, in no particular order. */
  async *entries(
    request: FileRequest & { op: 'list' | 'stat' },
    options: FileCallOptions,
  ): AsyncGenerator<FileEntry, void, undefined> {
    const call = this.#call(request, options)
    const slices = new Slices()
    try {
      const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
      let rest = ''
      for (let bytes = await call.next(); bytes; bytes = await call.next()) {
        if (call.isStopped) continue // skip these bytes: the reason is thrown after the last one
        const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > MAX_LINE_BYTES) throw unreadable()
        for (const line of lines) {
          yield entryOf(line)
          if (slices.isOver) await slices.next()
          if (call.isStopped) break
        }
      }
      // The request can have completed although it was stopped. Some entries are missing then.
      call.throwIfStopped()
      if (rest) yield entryOf(rest)
    } finally {
      call.stop(new SandboxFileError('ECANCELED', request.path, 'the listing was stopped'))
    }
  }

  async list(folder: string, recursive: boolean, options: FileCallOptions): Promise<FileEntry[]> {
    const entries: FileEntry[] = []
    let size = 0
    for await (const entry of this.entries({ op: 'list', path: folder, recursive }, options)) {
      size += listedSizeOf(entry)
      if (size > MAX_LISTING_BYTES) {
        throw new SandboxFileError('EFBIG', folder, 'the folder has too many entries')
      }
      entries.push(entry)
    }
    return sortByPath(entries)
  }

  async stat(file: string, options: FileCallOptions): Promise<FileEntry> {
    for await (const entry of this.entries({ op: 'stat', path: file }, options)) return entry
    throw new SandboxError('SANDBOX_AGENT_FAILED', 'the agent sent no entry for a stat request')
  }

  /** Makes a request without input and output, and waits until it has ended. */
  async execute(
    request: FileRequest & { op: 'mkdir' | 'move' | 'delete' },
    options: FileCallOptions,
  ): Promise<void> {
    await this.#call(request, options).ended
  }

  /** Returns the type of an entry from the listing of its folder. Does not follow a link. */
  async #kindOf(file: string, options: FileCallOptions): Promise<FileEntry['type'] | undefined> {
    const folder = path.posix.dirname(file)
    for await (const entry of this.entries({ op: 'list', path: folder }, options)) {
      if (entry.path === path.posix.basename(file)) return entry.type
    }
    return undefined
  }

  /**
   * Renames a file or a folder. Copies a file and deletes the original if the file systems differ.
   */
  async move(from: string, to: string, options: FileCallOptions): Promise<void> {
    try {
      await this.execute({ op: 'move', path: from, to }, options)
    } catch (error) {
      if (!(error instanceof SandboxFileError) || error.errno !== 'EXDEV') throw error
      if ((await this.#kindOf(from, options)) !== 'file') throw error
      const { mode } = await this.stat(from, options)
      const content = await this.stream({ op: 'read', path: from }, options)
      await this.write({ op: 'write', path: to, mode, atomic: true }, content, options)
      await this.execute({ op: 'delete', path: from }, options)
    }
  }
}

function entryOf(line: string): FileEntry {
  try {
    const entry = v.parse(Entry, JSON.parse(line))
    return { name: path.posix.basename(entry.path), ...entry }
  } catch (cause) {
    throw unreadable(cause)
  }
}

/** Returns the size of an entry in a listing, in bytes. */
export function listedSizeOf({ path, target = '' }: { path: string; target?: string | undefined }) {
  const texts = path + target
  const surrogates = texts.match(SURROGATES)?.length ?? 0
  return ENTRY_BYTES + texts.length + surrogates * SURROGATE_BYTES
}

function unreadable(cause?: unknown): SandboxError {
  const message = 'the agent sent a listing that cannot be parsed'
  return new SandboxError('SANDBOX_AGENT_FAILED', message, { cause })
}
