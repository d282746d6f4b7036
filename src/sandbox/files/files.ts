import path from 'node:path'
import * as v from 'valibot'
import type { Channel } from '../../agent/channel.js'
import type { FileRequest } from '../../agent/protocol.js'
import { SandboxError, SandboxFileError } from '../../errors.js'
import type { Content } from '../streams/content.js'
import { cancelContent } from '../streams/content.js'
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
})

/** What an entry takes, its path aside. */
const ENTRY_BYTES = 200
/** Half a character is 20 times as slow to write as JSON. */
const HALF_CHARACTER_BYTES = 50
const HALF_CHARACTERS = /\p{Surrogate}/gu
/**
 * How much one call lists: 75,000 entries with short names. To make JSON of that takes about 30 ms, of
 * the slowest listing 60 ms (measured), and an app that answers with a listing does it in one turn.
 */
const MAX_LISTING_BYTES = 16 * 1024 * 1024
const MAX_LINE_BYTES = 64 * 1024

type Use = () => Lease<Channel>

/** The files of a lease: every request there is, checked by the caller. */
export class Files {
  readonly #use: Use

  constructor(use: Use) {
    this.#use = use
  }

  /** A call at the sandbox's own pace. One that streams waits for the other end of its stream. */
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
      const call =
        content instanceof ReadableStream
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

  /** The same as text. It is decoded as it comes: 64 MiB at once take half a second. */
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
        const tooBig = new SandboxFileError('EFBIG', request.path, `longer than ${maxBytes} bytes`)
        call.stop(tooBig)
        throw tooBig
      }
      yield bytes
    }
  }

  /** A stream of an open file. It reads as far as it is read, and no further. */
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

  /** The entries as they come, in any order. */
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
        if (call.isStopped) continue // what has come is not looked at, the end tells why
        const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > MAX_LINE_BYTES) throw unreadable()
        for (const line of lines) {
          yield entryOf(line)
          if (slices.isOver) await slices.next()
          if (call.isStopped) break
        }
      }
      if (rest) yield entryOf(rest)
    } finally {
      call.stop(new SandboxFileError('ECANCELED', request.path, 'enough was read'))
    }
  }

  async list(folder: string, recursive: boolean, options: FileCallOptions): Promise<FileEntry[]> {
    const entries: FileEntry[] = []
    let size = 0
    for await (const entry of this.entries({ op: 'list', path: folder, recursive }, options)) {
      size += sizeOf(entry)
      if (size > MAX_LISTING_BYTES) throw new SandboxFileError('EFBIG', folder, 'too many entries')
      entries.push(entry)
    }
    return sortByPath(entries)
  }

  async stat(file: string, options: FileCallOptions): Promise<FileEntry> {
    for await (const entry of this.entries({ op: 'stat', path: file }, options)) return entry
    throw new SandboxError('SANDBOX_AGENT_FAILED', 'the agent has not said what it found')
  }

  /** A request that answers with no more than that it is done. */
  async ask(
    request: FileRequest & { op: 'mkdir' | 'move' | 'delete' },
    options: FileCallOptions,
  ): Promise<void> {
    await this.#call(request, options).ended
  }

  /** What it is itself: a link is not followed. */
  async #kindOf(file: string, options: FileCallOptions): Promise<FileEntry['type'] | undefined> {
    const folder = path.posix.dirname(file)
    for await (const entry of this.entries({ op: 'list', path: folder }, options)) {
      if (entry.path === path.posix.basename(file)) return entry.type
    }
    return undefined
  }

  /** Moves by a rename, and from one file system to another by a copy. */
  async move(from: string, to: string, options: FileCallOptions): Promise<void> {
    try {
      await this.ask({ op: 'move', path: from, to }, options)
    } catch (error) {
      if (!(error instanceof SandboxFileError) || error.errno !== 'EXDEV') throw error
      if ((await this.#kindOf(from, options)) !== 'file') throw error
      const { mode } = await this.stat(from, options)
      const content = await this.stream({ op: 'read', path: from }, options)
      await this.write({ op: 'write', path: to, mode, atomic: true }, content, options)
      await this.ask({ op: 'delete', path: from }, options)
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

function sizeOf({ path }: FileEntry): number {
  const halves = path.match(HALF_CHARACTERS)?.length ?? 0
  return ENTRY_BYTES + path.length + halves * HALF_CHARACTER_BYTES
}

function unreadable(cause?: unknown): SandboxError {
  return new SandboxError('SANDBOX_AGENT_FAILED', 'a listing that cannot be read', { cause })
}
