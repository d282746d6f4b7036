import * as v from 'valibot'
import { GrowingBuffer } from '../util/growing-buffer.js'

/** The version of the protocol. The host refuses an agent with another version. */
export const PROTOCOL_VERSION = 4

/** The kinds of frames. `protocol.md` describes them. */
export const Kind = {
  hello: 1,
  request: 2,
  data: 3,
  eof: 4,
  credit: 5,
  signal: 6,
  done: 7,
  ping: 8,
  started: 9,
  bundle: 10,
  codeCache: 11,
} as const

/** The numbers of the streams of one request. */
export const Stream = { stdin: 0, stdout: 1, stderr: 2, records: 3 } as const

const HEADER_BYTES = 9
/** The greatest number of stream bytes in one data frame. */
export const CHUNK_BYTES = 64 * 1024
/**
 * The initial credit of a stream: the number of bytes that may be sent before the other end sends
 * more credit.
 */
export const WINDOW_BYTES = 256 * 1024
/**
 * The greatest length of a frame from an agent. A longer frame is forged or a fault, and ends the
 * container.
 */
const MAX_AGENT_FRAME_BYTES = CHUNK_BYTES + 1
/** The greatest length of a request. The host refuses a longer request before it is sent. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024
/** The greatest length of the code cache from an agent. */
export const MAX_CODE_CACHE_BYTES = 1024 * 1024
/**
 * The greatest length of a record. The host skips a longer record, because it decodes, checks and
 * parses a record in one turn of its event loop, which takes about 10 ms per MiB (measured with text
 * that is not ASCII).
 */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024

/** One frame: its kind, the id of its request and its payload. */
export interface Frame {
  kind: number
  id: number
  payload: Buffer
}

/** Returns the bytes of one frame. The payload is the concatenation of all parts. */
export function encodeFrame(kind: number, id: number, ...parts: Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header[0] = kind
  header.writeUInt32BE(id, 1)
  header.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    5,
  )
  return Buffer.concat([header, ...parts])
}

/**
 * Divides received bytes into frames. The frames do not depend on how the bytes are divided into
 * chunks.
 */
export class FrameReader {
  /**
   * The bytes of an incomplete frame. It is a growing buffer, because the engine may deliver the
   * bytes one by one, and a copy for each of them would be slow.
   */
  #rest = new GrowingBuffer()
  readonly #maxBytes: number

  constructor(maxBytes = MAX_AGENT_FRAME_BYTES) {
    this.#maxBytes = maxBytes
  }

  /**
   * Adds a chunk and yields the frames that are complete. It throws after the last valid frame if
   * the next one is longer than the limit. After an error the reader must not be used again.
   */
  *read(chunk: Buffer): Generator<Frame, void, undefined> {
    if (this.#rest.size > 0) this.#rest.push(chunk)
    let bytes = this.#rest.size > 0 ? this.#rest.bytes() : chunk
    // The frames are views of the old buffer, so the rest needs a new one after the first frame.
    let hasFrame = false
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(5)
      if (length > this.#maxBytes)
        throw new RangeError(`a frame of ${length} bytes, expected at most ${this.#maxBytes}`)
      const end = HEADER_BYTES + length
      if (bytes.length < end) break
      hasFrame = true
      yield {
        kind: bytes.readUInt8(0),
        id: bytes.readUInt32BE(1),
        payload: bytes.subarray(HEADER_BYTES, end),
      }
      bytes = bytes.subarray(end)
    }
    if (hasFrame) this.#rest = new GrowingBuffer()
    if (this.#rest.size === 0 && bytes.length > 0) this.#rest.push(bytes)
  }
}

/**
 * Parses the payload of a frame.
 *
 * @throws SyntaxError if it is not JSON.
 */
export function parsePayload(payload: Buffer): unknown {
  return JSON.parse(payload.toString())
}

const Count = v.pipe(v.number(), v.minValue(0))

/** The first message of an agent: the payload of a hello frame. */
export const Hello = v.object({
  version: v.number(),
  language: v.pipe(v.string(), v.maxLength(100)),
  /**
   * The reason if the agent cannot run code. `preload` is the name of the module that could not be
   * imported, if that is the reason.
   */
  failed: v.optional(
    v.object({
      preload: v.optional(v.pipe(v.string(), v.maxLength(1000))),
      message: v.pipe(v.string(), v.maxLength(1000)),
    }),
  ),
})
export type Hello = v.InferOutput<typeof Hello>

/** The last message of an agent about a request: the payload of a done frame. */
export const Done = v.object({
  exitCode: v.nullish(v.pipe(v.number(), v.integer())),
  signal: v.nullish(v.pipe(v.string(), v.maxLength(20))),
  cause: v.nullish(v.picklist(['oom', 'pids', 'disk', 'timeout'])),
  usage: v.nullish(v.object({ cpuMs: Count, maxRssBytes: v.nullish(Count) })),
  error: v.nullish(
    v.object({
      code: v.pipe(v.string(), v.maxLength(40)),
      message: v.pipe(v.string(), v.maxLength(9000)),
    }),
  ),
})
export type Done = v.InferOutput<typeof Done>

/** The config of an agent. It is the last argument of its command line, as JSON. */
export interface AgentConfig {
  /**
   * The working directory of the programs.
   *
   * @default '/workspace'
   */
  workspace?: string
  /** The modules that the agent imports before it sends its hello frame. */
  preload?: readonly string[]
  /** Whether the code is TypeScript, so that the agent must strip its types. */
  typescript?: boolean
  /** The memory limit of all idle contexts together, in bytes. */
  contextBytes?: number
  /** The greatest number of processes and threads of the programs. */
  pids?: number
}

interface Surroundings {
  cwd: string | undefined
  env: Readonly<Record<string, string | undefined>> | undefined
}

interface Timed {
  /**
   * The time limit of the program, in milliseconds. When it is over, the host ends the program. If
   * the host has not done so 2 s later, the agent ends the program.
   */
  timeoutMs?: number | undefined
}

/**
 * The payload of a started frame, which an agent sends when a request has begun: the pid of a
 * program, or the properties of a file.
 */
export const Started = v.object({
  pid: v.optional(v.pipe(v.number(), v.integer())),
  size: v.optional(Count),
  mtimeMs: v.optional(v.number()),
  mode: v.optional(Count),
})
export type Started = v.InferOutput<typeof Started>

/** A request of the host. */
export type Request = RunRequest | ExecRequest | OpenRequest | FileRequest
export type RunRequest = {
  op: 'run'
  code: string
  args?: readonly string[] | undefined
  /** The function to call after the code has run. */
  call?: CallRequest | undefined
  /** The id of the context in which the code runs. */
  context?: string | undefined
} & Partial<Surroundings> &
  Timed
interface CallRequest {
  entry: string
  args: readonly unknown[]
  kwargs: Readonly<Record<string, unknown>>
}
export type OpenRequest = { op: 'open'; context: string } & Surroundings
export type ExecRequest = { op: 'exec'; argv: readonly string[] } & Surroundings & Timed
export type FileRequest =
  | { op: 'read'; path: string; offset?: number | undefined; length?: number | undefined }
  | { op: 'write'; path: string; atomic?: boolean | undefined; mode?: number | undefined }
  | { op: 'list' | 'mkdir' | 'delete'; path: string; recursive?: boolean | undefined }
  | { op: 'stat'; path: string }
  | { op: 'move'; path: string; to: string }
  | ArchiveRequest
/** A request for entries of an archive. Their paths are inside the workspace and lead through no link. */
export type ArchiveRequest =
  | { op: 'take'; path: string }
  | { op: 'pack'; paths: readonly string[] }
  | { op: 'place'; path: string; mode: number; mtimeMs: number }
  | { op: 'unpack'; entries: readonly PlacedEntry[] }
/** An entry that `unpack` places. The content is base64. */
export type PlacedEntry =
  | { type: 'file'; path: string; mode: number; mtimeMs: number; content: string }
  | { type: 'directory'; path: string; mode: number; mtimeMs?: number }
  | { type: 'symlink' | 'link'; path: string; to: string }

/** A file as `pack` sends it, with the base64 of its content, or the error of the file. */
export const Packed = v.union([
  v.object({
    path: v.string(),
    mode: Count,
    mtimeMs: v.number(),
    content: v.pipe(v.string(), v.maxLength(2 * CHUNK_BYTES)),
  }),
  v.object({ path: v.string(), code: v.string(), message: v.string() }),
])
export type Packed = v.InferOutput<typeof Packed>

/** The entry that `unpack` could not place, and the error. */
export const NotPlaced = v.object({ index: Count, code: v.string(), message: v.string() })
