import * as v from 'valibot'
import * as protocol from '../../src/agent/protocol.js'
import {
  CHUNK_BYTES,
  Kind,
  MAX_RECORD_BYTES,
  Stream,
  WINDOW_BYTES,
} from '../../src/agent/protocol.js'

// Strict copies of the library's schemas: the library accepts unknown fields, the tests do not.
const Started = v.strictObject(protocol.Started.entries)
const Done = v.strictObject(protocol.Done.entries)
type Started = v.InferOutput<typeof Started>
type Done = v.InferOutput<typeof Done>

/** The answer to one request. */
export interface Answer {
  started: Started | undefined
  stdout: Buffer
  stderr: string
  /** The records of stream 3, in the order in which they arrived. */
  records: unknown[]
  done: Done
}

/** The operations that send a `started` frame. */
const STARTED_OPS = new Set<unknown>(['exec', 'open', 'read', 'write', 'take', 'place'])
/** The streams that the agent may send, by operation. */
const STREAMS = new Map<unknown, readonly number[]>([
  ['run', [Stream.stdout, Stream.stderr, Stream.records]],
  ['exec', [Stream.stdout, Stream.stderr]],
  ['read', [Stream.stdout]],
  ['list', [Stream.stdout]],
  ['stat', [Stream.stdout]],
  ['take', [Stream.stdout]],
  ['pack', [Stream.stdout]],
  ['unpack', [Stream.stdout]],
])

/** The part of an {@link Agent} that its requests use. */
interface Connection {
  send(kind: number, id: number, ...parts: Uint8Array[]): void
  wait(description: string, condition: () => boolean): Promise<void>
  within<T>(description: string, answer: Promise<T>): Promise<T>
}

/** One request to an agent. Checks each frame of the answer against the protocol. */
export class AgentRequest {
  started: Started | undefined
  /** The index of the `done` frame in all frames that the agent has sent. */
  doneAt = Infinity
  readonly id: number
  readonly #agent: Connection
  readonly #op: unknown
  readonly #grantsCredit: boolean
  readonly #done: Promise<Done>
  #settle: (done: Done) => void = () => {}
  #reject: (error: Error) => void = () => {}
  readonly #chunks: Record<number, Buffer[]> = { 1: [], 2: [], 3: [] }
  readonly #received: Record<number, number> = { 1: 0, 2: 0, 3: 0 }
  readonly #granted: Record<number, number> = { 1: WINDOW_BYTES, 2: WINDOW_BYTES, 3: WINDOW_BYTES }
  /** The number of stdin bytes that the test may still send. */
  credit = WINDOW_BYTES
  /** The credit that the agent has granted beyond the first window, in bytes. */
  creditGranted = 0

  constructor(agent: Connection, id: number, op: unknown, grantsCredit: boolean) {
    this.#agent = agent
    this.id = id
    this.#op = op
    this.#grantsCredit = grantsCredit
    this.#done = new Promise((resolve, reject) => {
      this.#settle = resolve
      this.#reject = reject
    })
    this.#done.catch(() => {}) // answer() reports the error
  }

  get isOver(): boolean {
    return this.doneAt < Infinity
  }

  bytes(stream: number = Stream.stdout): Buffer {
    return Buffer.concat(this.#chunks[stream] ?? [])
  }

  text(stream?: number): string {
    return this.bytes(stream).toString()
  }

  received(stream: number = Stream.stdout): number {
    return this.#received[stream] ?? 0
  }

  async answer(): Promise<Answer> {
    const description = `an answer to ${JSON.stringify(this.#op)}`
    const done = await this.#agent.within(description, this.#done)
    return {
      started: this.started,
      stdout: this.bytes(),
      stderr: this.text(Stream.stderr),
      records: this.records(),
      done,
    }
  }

  /** Returns the complete records so far. Like the host, it ignores an incomplete record. */
  records(): unknown[] {
    const found: unknown[] = []
    let bytes = this.bytes(Stream.records)
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0)
      checkProtocol(end <= MAX_RECORD_BYTES + 4, 'a record is at most 4 MiB')
      found.push(parsed(bytes.subarray(4, end)))
      bytes = bytes.subarray(end)
    }
    return found
  }

  /** Waits until the stream has exactly this text. Throws if the request fails before. */
  async waitForText(text: string, stream?: number): Promise<void> {
    await this.wait(`the output is ${JSON.stringify(text)}`, () => this.text(stream) === text)
  }

  /** Waits until at least `count` bytes of the stream have arrived. */
  async waitForBytes(count: number, stream?: number): Promise<void> {
    await this.wait(`${count} bytes have arrived`, () => this.received(stream) >= count)
  }

  async wait(description: string, condition: () => boolean): Promise<void> {
    await this.#agent.wait(description, condition)
  }

  /** Sends within the credit. Resolves early if the request ends or the agent exits. */
  async writeStdin(bytes: string | Uint8Array): Promise<void> {
    let rest: Uint8Array = Buffer.from(bytes)
    try {
      while (rest.length > 0) {
        if (this.credit === 0)
          await this.wait('the agent grants credit', () => this.credit > 0 || this.isOver)
        if (this.isOver) return
        rest = this.push(rest)
      }
    } catch {
      // answer() reports the error
    }
  }

  /** Sends one frame with the bytes that the credit allows. Returns the other bytes. */
  push(bytes: string | Uint8Array): Uint8Array {
    const all = Buffer.from(bytes)
    const part = all.subarray(0, Math.min(CHUNK_BYTES, this.credit))
    this.credit -= part.length
    this.#agent.send(Kind.data, this.id, Buffer.of(Stream.stdin), part)
    return all.subarray(part.length)
  }

  end(): void {
    this.#agent.send(Kind.eof, this.id)
  }

  signal(name: string): void {
    this.#agent.send(Kind.signal, this.id, Buffer.from(name))
  }

  /** Grants the agent more credit for a stream. */
  grant(amount: number, stream: number = Stream.stdout): void {
    this.#granted[stream] = (this.#granted[stream] ?? 0) + amount
    const payload = Buffer.alloc(5, stream)
    payload.writeUInt32BE(amount, 1)
    this.#agent.send(Kind.credit, this.id, payload)
  }

  onStarted(payload: Buffer): void {
    checkProtocol(STARTED_OPS.has(this.#op), 'only exec, open, read and write have a started')
    checkProtocol(this.started === undefined, 'started is sent once')
    checkProtocol(this.received(1) + this.received(2) === 0, 'started precedes the first data')
    this.started = v.parse(Started, parsed(payload))
    const keys = Object.keys(this.started).sort().join()
    const isProgram = this.#op === 'exec' || this.#op === 'open'
    const expected = isProgram ? 'pid' : this.#op === 'read' ? 'mode,mtimeMs,size' : ''
    checkProtocol(keys === expected, `started of ${String(this.#op)} has: ${expected || 'nothing'}`)
  }

  onData(payload: Buffer): void {
    const stream = payload.readUInt8(0)
    const bytes = payload.subarray(1)
    checkProtocol(
      STREAMS.get(this.#op)?.includes(stream),
      `${String(this.#op)} has no stream ${stream}`,
    )
    // If a command cannot be started, stderr has the reason, and no started precedes it.
    const needsStarted =
      STARTED_OPS.has(this.#op) && !(this.#op === 'exec' && stream === Stream.stderr)
    checkProtocol(!needsStarted || this.started, 'started precedes the first data')
    this.#received[stream] = this.received(stream) + bytes.length
    this.#chunks[stream]?.push(Buffer.from(bytes))
    checkProtocol(
      this.received(stream) <= (this.#granted[stream] ?? 0),
      'data stays within the credit',
    )
    if (this.#grantsCredit) this.grant(bytes.length, stream)
  }

  onCredit(payload: Buffer): void {
    checkProtocol(
      payload.length === 5 && payload[0] === Stream.stdin,
      'credit is for stdin and has five bytes',
    )
    this.creditGranted += payload.readUInt32BE(1)
    this.credit += payload.readUInt32BE(1)
    checkProtocol(this.credit <= WINDOW_BYTES, 'the credit never exceeds the window')
  }

  onDone(payload: Buffer, at: number): void {
    const done = v.parse(Done, parsed(payload))
    const hasFailed = done.error || done.cause || done.exitCode !== 0
    const wasStarted = this.started || !STARTED_OPS.has(this.#op)
    checkProtocol(wasStarted || hasFailed, 'a successful exec, read or write has a started')
    this.doneAt = at
    this.#settle(done)
  }

  fail(error: Error): void {
    this.#reject(error)
  }
}

/** Throws if the agent has violated a rule of the protocol (`src/agent/protocol.md`). */
export function checkProtocol(holds: unknown, rule: string): void {
  if (!holds) throw new Error(`the agent violated the protocol: ${rule}`)
}

export function parsed(payload: Buffer): unknown {
  return JSON.parse(payload.toString())
}
