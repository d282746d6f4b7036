import * as v from 'valibot'
import * as protocol from '../../src/agent/protocol.js'
import {
  CHUNK_BYTES,
  Kind,
  MAX_RECORD_BYTES,
  Stream,
  WINDOW_BYTES,
} from '../../src/agent/protocol.js'

// Not those of the library: a host may take more than the page says, this one does not.
const Started = v.strictObject(protocol.Started.entries)
const Done = v.strictObject(protocol.Done.entries)
type Started = v.InferOutput<typeof Started>
type Done = v.InferOutput<typeof Done>

/** What came of one request. */
export interface Answer {
  started: Started | undefined
  stdout: Buffer
  stderr: string
  /** What came on stream 3, in its order. */
  records: unknown[]
  done: Done
}

/** The ops with a first word, and the streams of all that send some. */
const STARTED_OPS = new Set<unknown>(['exec', 'open', 'read', 'write'])
const STREAMS = new Map<unknown, readonly number[]>([
  ['run', [Stream.stdout, Stream.stderr, Stream.records]],
  ['exec', [Stream.stdout, Stream.stderr]],
  ['read', [Stream.stdout]],
  ['list', [Stream.stdout]],
  ['stat', [Stream.stdout]],
])

/** The connection to an agent, as its requests use it. */
interface Connection {
  send(kind: number, id: number, ...parts: Uint8Array[]): void
  wait(what: string, condition: () => boolean): Promise<void>
  within<T>(what: string, answer: Promise<T>): Promise<T>
}

/** One request: what was sent and what came, held against the page. */
export class Call {
  started: Started | undefined
  /** Where its last frame is in all that the agent has said. */
  doneAt = Infinity
  readonly id: number
  readonly #agent: Connection
  readonly #op: unknown
  readonly #givesCredit: boolean
  readonly #done: Promise<Done>
  #settle: (done: Done) => void = () => {}
  #reject: (error: Error) => void = () => {}
  readonly #chunks: Record<number, Buffer[]> = { 1: [], 2: [], 3: [] }
  readonly #received: Record<number, number> = { 1: 0, 2: 0, 3: 0 }
  readonly #granted: Record<number, number> = { 1: WINDOW_BYTES, 2: WINDOW_BYTES, 3: WINDOW_BYTES }
  /** How many bytes may still be sent. */
  budget = WINDOW_BYTES
  /** How many more than the first window it has ever let us send. */
  credit = 0

  constructor(agent: Connection, id: number, op: unknown, givesCredit: boolean) {
    this.#agent = agent
    this.id = id
    this.#op = op
    this.#givesCredit = givesCredit
    this.#done = new Promise((resolve, reject) => {
      this.#settle = resolve
      this.#reject = reject
    })
    this.#done.catch(() => {}) // whoever waits for it hears
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
    const what = `an answer to ${JSON.stringify(this.#op)}`
    const done = await this.#agent.within(what, this.#done)
    return {
      started: this.started,
      stdout: this.bytes(),
      stderr: this.text(Stream.stderr),
      records: this.records(),
      done,
    }
  }

  /** The whole records so far; a cut one is left out, as a host does. */
  records(): unknown[] {
    const found: unknown[] = []
    let bytes = this.bytes(Stream.records)
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0)
      rule(end <= MAX_RECORD_BYTES + 4, 'a record is at most 4 MiB')
      found.push(parsed(bytes.subarray(4, end)))
      bytes = bytes.subarray(end)
    }
    return found
  }

  /** Waits until it has said just this, or failed. */
  async says(text: string, stream?: number): Promise<void> {
    await this.wait(`it says ${JSON.stringify(text)}`, () => this.text(stream) === text)
  }

  /** Waits until so many bytes have come. */
  async sends(count: number, stream?: number): Promise<void> {
    await this.wait(`${count} bytes have come`, () => this.received(stream) >= count)
  }

  async wait(what: string, condition: () => boolean): Promise<void> {
    await this.#agent.wait(what, condition)
  }

  /** Sends as the credit goes; resolves early when the request is over or the agent is gone. */
  async writeStdin(bytes: string | Uint8Array): Promise<void> {
    let rest: Uint8Array = Buffer.from(bytes)
    try {
      while (rest.length > 0) {
        if (this.budget === 0) await this.wait('credit', () => this.budget > 0 || this.isOver)
        if (this.isOver) return
        rest = this.push(rest)
      }
    } catch {
      // whoever waits for the answer hears
    }
  }

  /** Sends what may be sent at once, in one frame; gives the rest. */
  push(bytes: string | Uint8Array): Uint8Array {
    const all = Buffer.from(bytes)
    const part = all.subarray(0, Math.min(CHUNK_BYTES, this.budget))
    this.budget -= part.length
    this.#agent.send(Kind.data, this.id, Buffer.of(Stream.stdin), part)
    return all.subarray(part.length)
  }

  end(): void {
    this.#agent.send(Kind.eof, this.id)
  }

  signal(name: string): void {
    this.#agent.send(Kind.signal, this.id, Buffer.from(name))
  }

  /** Lets it send so much more. */
  grant(amount: number, stream: number = Stream.stdout): void {
    this.#granted[stream] = (this.#granted[stream] ?? 0) + amount
    const payload = Buffer.alloc(5, stream)
    payload.writeUInt32BE(amount, 1)
    this.#agent.send(Kind.credit, this.id, payload)
  }

  takeStarted(payload: Buffer): void {
    rule(STARTED_OPS.has(this.#op), 'only exec, open, read and write have one')
    rule(this.started === undefined, 'started comes once')
    rule(this.received(1) + this.received(2) === 0, 'started comes before the first data')
    this.started = v.parse(Started, parsed(payload))
    const keys = Object.keys(this.started).sort().join()
    const isProgram = this.#op === 'exec' || this.#op === 'open'
    const expected = isProgram ? 'pid' : this.#op === 'read' ? 'mode,mtimeMs,size' : ''
    rule(keys === expected, `in started of ${String(this.#op)} is ${expected || 'nothing'}`)
  }

  takeData(payload: Buffer): void {
    const stream = payload.readUInt8(0)
    const bytes = payload.subarray(1)
    rule(STREAMS.get(this.#op)?.includes(stream), `${String(this.#op)} has no stream ${stream}`)
    // What cannot be started says so on stderr, without a started.
    const isLate = STARTED_OPS.has(this.#op) && !(this.#op === 'exec' && stream === Stream.stderr)
    rule(!isLate || this.started, 'started comes before the first data')
    this.#received[stream] = this.received(stream) + bytes.length
    this.#chunks[stream]?.push(Buffer.from(bytes))
    rule(this.received(stream) <= (this.#granted[stream] ?? 0), 'nobody sends past its credit')
    if (this.#givesCredit) this.grant(bytes.length, stream)
  }

  takeCredit(payload: Buffer): void {
    rule(payload.length === 5 && payload[0] === Stream.stdin, 'credit is for stdin, five bytes')
    this.credit += payload.readUInt32BE(1)
    this.budget += payload.readUInt32BE(1)
    rule(this.budget <= WINDOW_BYTES, 'no more credit than was used')
  }

  takeDone(payload: Buffer, at: number): void {
    const done = v.parse(Done, parsed(payload))
    const isRefused = done.error || done.cause || done.exitCode !== 0
    const wasStarted = this.started || !STARTED_OPS.has(this.#op)
    rule(wasStarted || isRefused, 'an exec, read or write that did well has a started')
    this.doneAt = at
    this.#settle(done)
  }

  fail(error: Error): void {
    this.#reject(error)
  }
}

/** Throws where the page says otherwise. */
export function rule(holds: unknown, what: string): void {
  if (!holds) throw new Error(`against the page: ${what}`)
}

export function parsed(payload: Buffer): unknown {
  return JSON.parse(payload.toString())
}
