import * as v from 'valibot'
import { GrowingBuffer } from '../util/growing-buffer.js'

/** The version both ends speak. The host refuses an agent of another one. */
export const PROTOCOL_VERSION = 4

/** What a frame is. The numbers are in `protocol.md`. */
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

/** The streams inside one request. */
export const Stream = { stdin: 0, stdout: 1, stderr: 2, records: 3 } as const

const HEADER_BYTES = 9
/** Data travels in pieces of at most this. */
export const CHUNK_BYTES = 64 * 1024
/** How much may be on its way in one stream before the other end gives credit for more. */
export const WINDOW_BYTES = 256 * 1024
/** A longer frame from an agent is a forgery or a fault; its container ends. */
const MAX_AGENT_FRAME_BYTES = CHUNK_BYTES + 1
/** A longer request is refused before it is sent. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024
/** An agent's code cache may be as long. */
export const MAX_CODE_CACHE_BYTES = 1024 * 1024
/**
 * A longer record of the program's is passed over. The host decodes, checks and parses a record in one
 * turn of its event loop, which takes about 10 ms a MiB (measured, text that is not ASCII).
 */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024

/** One frame: a kind, the request it belongs to, bytes. */
export interface Frame {
  kind: number
  id: number
  payload: Buffer
}

/** The bytes of one frame. */
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

/** Cuts what comes into frames, and throws at the first that is longer than an agent's may be. */
export class FrameReader {
  /** The beginning of a frame. The engine may pass it on byte by byte: it is not copied each time. */
  #rest = new GrowingBuffer()
  readonly #longest: number

  constructor(longest = MAX_AGENT_FRAME_BYTES) {
    this.#longest = longest
  }

  read(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    if (this.#rest.size > 0) this.#rest.push(chunk)
    let bytes = this.#rest.size > 0 ? this.#rest.bytes() : chunk
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(5)
      if (length > this.#longest) throw new RangeError(`a frame of ${length} bytes`)
      const end = HEADER_BYTES + length
      if (bytes.length < end) break
      frames.push({
        kind: bytes.readUInt8(0),
        id: bytes.readUInt32BE(1),
        payload: bytes.subarray(HEADER_BYTES, end),
      })
      bytes = bytes.subarray(end)
    }
    // A buffer of its own: the frames are views of the other one.
    if (frames.length > 0) this.#rest = new GrowingBuffer()
    if (this.#rest.size === 0 && bytes.length > 0) this.#rest.push(bytes)
    return frames
  }
}

const Count = v.pipe(v.number(), v.minValue(0))

/** An agent's first word. */
export const Hello = v.object({
  version: v.number(),
  language: v.pipe(v.string(), v.maxLength(100)),
  /** Why it is of no use, where it is of none; `preload` names the module that made it so. */
  failed: v.optional(
    v.object({
      preload: v.optional(v.pipe(v.string(), v.maxLength(1000))),
      message: v.pipe(v.string(), v.maxLength(1000)),
    }),
  ),
})

/** An agent's last word on a request. */
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

/** What an agent is started with: one argument, JSON. */
export interface AgentConfig {
  /** @default '/workspace' */
  workspace?: string
  /** Modules that it imports before it says hello. */
  preload?: readonly string[]
  /** Whether the code is TypeScript, whose types are stripped. */
  typescript?: boolean
  /** What idle contexts may hold together. */
  contextBytes?: number
  /** How many processes and threads the programs may have. */
  pids?: number
}

interface Surroundings {
  cwd: string | undefined
  env: Readonly<Record<string, string | undefined>> | undefined
}

interface Timed {
  /** How long it may take, in milliseconds. The agent ends it if the host has not, 2 s later. */
  timeoutMs?: number | undefined
}

/** What an agent says when a request has begun: of a program its pid, of a file what it is. */
export const Started = v.object({
  pid: v.optional(v.pipe(v.number(), v.integer())),
  size: v.optional(Count),
  mtimeMs: v.optional(v.number()),
  mode: v.optional(Count),
})
export type Started = v.InferOutput<typeof Started>

/** What a host may ask for. */
export type Request = RunRequest | ExecRequest | OpenRequest | FileRequest
export type RunRequest = {
  op: 'run'
  code: string
  args?: readonly string[] | undefined
  /** The function whose value is asked for. */
  call?: CallRequest | undefined
  /** The context to run it in. */
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
