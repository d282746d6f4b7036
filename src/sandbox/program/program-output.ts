import { Stream } from '../../agent/protocol.js'
import type { StreamChunk } from '../streams/chunk-queue.js'
import { ChunkQueue } from '../streams/chunk-queue.js'
import type { ProgramLimits } from './limits.js'
import { BoundedOutput } from './output.js'
import type { RichResult } from '../streams/records.js'
import { MAX_RESULT_BYTES, RunRecords } from '../streams/records.js'

/** How much of each stream is kept, and how much there may be of both, where nobody says. */
export const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024
/** What may still come after a kill: what an agent sends at most of two streams. */
const AFTER_KILL_BYTES = 3 * 1024 * 1024

/** Whose output it is. */
export interface OutputSource {
  /** So much of a stream is done with: the agent may send as much again. */
  consumed(stream: number, bytes: number): void
  /** It was more than there may be. */
  exceeded(): void
}

/**
 * What a program gives, which goes one of three ways. Held: nobody has asked yet, and the agent stops
 * at the end of its credit. Dropped: only what is kept of it counts. Taken: chunk by chunk, and the
 * agent goes on as they are taken. Once the program is killed, its end waits for nobody: the rest is
 * consumed for at once.
 */
export class ProgramOutput {
  /** Sees output as it comes, whichever way it goes. */
  onData: (stream: number, bytes: Buffer) => void = () => {}
  readonly #source: OutputSource
  readonly #chunks = new ChunkQueue()
  readonly #given: number | undefined
  readonly #unconsumed = new Map<number, number>()
  #way: 'held' | 'dropped' | 'taken' = 'held'
  #kept: Record<'stdout' | 'stderr', BoundedOutput> | undefined
  #records: RunRecords | undefined
  #keepResultBytes = MAX_RESULT_BYTES
  #keepBytes: number
  #received = 0
  #limit: number
  #deliverable: number
  #isCut = false
  #isDetached = false

  constructor({ maxOutputBytes, keepBytes }: ProgramLimits, source: OutputSource) {
    this.#source = source
    this.#given = maxOutputBytes
    this.#keepBytes = keepBytes ?? maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES
    this.#limit = maxOutputBytes ?? Number.POSITIVE_INFINITY
    this.#deliverable = this.#limit
  }

  /** Whether some of it was not delivered to whoever takes it. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** What is kept of it. */
  get kept(): Readonly<Record<'stdout' | 'stderr', BoundedOutput>> {
    // Made late: how much to keep is known by the time there is some.
    this.#kept ??= {
      stdout: new BoundedOutput(this.#keepBytes),
      stderr: new BoundedOutput(this.#keepBytes),
    }
    return this.#kept
  }

  /** Whether some of it is not kept. */
  get isTruncated(): boolean {
    return this.kept.stdout.isTruncated || this.kept.stderr.isTruncated
  }

  /** What the program has said beside it. */
  get records(): RunRecords {
    this.#records ??= new RunRecords(this.#keepResultBytes)
    return this.#records
  }

  /** From here on only what is kept counts. */
  drop(limitBytes: number): void {
    if (this.#way === 'held') this.#limit = this.#given ?? limitBytes
    this.#way = 'dropped'
    for (let chunk = this.#chunks.takeNow(); chunk; chunk = this.#chunks.takeNow())
      this.#consume(chunk)
  }

  /** From here on somebody calls `next()`. What was dropped before comes first, as far as it is kept. */
  take(keepBytes: number, keepResultBytes: number): StreamChunk[] {
    const missed = this.#way === 'dropped' ? this.#missed() : []
    this.#way = 'taken'
    this.#limit = this.#given ?? Number.POSITIVE_INFINITY
    this.#keepBytes = this.#given ?? keepBytes
    this.#keepResultBytes = keepResultBytes
    if (this.#records) this.#records.limitBytes = keepResultBytes
    return missed
  }

  /** The next of it, `undefined` after the last. */
  async next(): Promise<StreamChunk | undefined> {
    const chunk = await this.#chunks.take()
    if (chunk) this.#consume(chunk)
    return chunk
  }

  /** From the agent. */
  receive(stream: number, bytes: Buffer): void {
    const results = stream === Stream.records ? this.records.push(bytes) : []
    if (stream !== Stream.records) {
      this.#received += bytes.length
      this.kept[stream === Stream.stdout ? 'stdout' : 'stderr'].push(bytes)
      this.onData(stream, bytes)
    }
    if (this.#way === 'dropped') this.#source.consumed(stream, bytes.length)
    else this.#deliver(stream, bytes, results)
    if (this.#received > this.#limit) this.#source.exceeded()
  }

  /** The program is killed: nobody is waited for. */
  detach(): void {
    this.#isDetached = true
    this.#deliverable = Math.min(this.#deliverable, AFTER_KILL_BYTES)
    for (const [stream, bytes] of this.#unconsumed) this.#source.consumed(stream, bytes)
    this.#unconsumed.clear()
  }

  /** There is no more. */
  end(): void {
    this.#chunks.end()
  }

  #missed(): StreamChunk[] {
    this.#deliverable = Math.max(0, this.#deliverable - this.#received)
    this.#isCut = this.isTruncated
    const { stdout, stderr } = this.kept
    const results = this.#records?.results ?? []
    const chunks = [
      { stream: Stream.stdout, bytes: stdout.toBuffer(), results: [] },
      { stream: Stream.stderr, bytes: stderr.toBuffer(), results: [] },
      { stream: Stream.records, bytes: Buffer.alloc(0), results: [...results] },
    ]
    return chunks.filter((chunk) => chunk.bytes.length > 0 || chunk.results.length > 0)
  }

  #deliver(stream: number, bytes: Buffer, results: readonly RichResult[]): void {
    const isOutput = stream !== Stream.records
    const part = isOutput ? bytes.subarray(0, this.#deliverable) : bytes
    if (isOutput) this.#deliverable -= part.length
    if (part.length < bytes.length) this.#isCut = true
    if (part.length > 0) this.#chunks.push(stream, part, results)
    // What nobody will take is consumed for at once.
    const consumed = this.#isDetached ? bytes.length : bytes.length - part.length
    if (consumed > 0) this.#source.consumed(stream, consumed)
    const owed = bytes.length - consumed
    if (owed > 0) this.#unconsumed.set(stream, (this.#unconsumed.get(stream) ?? 0) + owed)
  }

  #consume({ stream, bytes }: Omit<StreamChunk, 'results'>): void {
    const unconsumed = this.#unconsumed.get(stream) ?? 0
    const consumed = Math.min(unconsumed, bytes.length)
    if (consumed === 0) return
    this.#unconsumed.set(stream, unconsumed - consumed)
    this.#source.consumed(stream, consumed)
  }
}
