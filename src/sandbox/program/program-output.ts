import { Stream } from '../../agent/protocol.js'
import type { StreamChunk } from '../streams/chunk-queue.js'
import { ChunkQueue } from '../streams/chunk-queue.js'
import type { ProgramLimits } from './limits.js'
import { BoundedOutput } from './output.js'
import type { RichResult } from '../streams/rich-result.js'
import { MAX_RESULT_BYTES, RunRecords } from '../streams/records.js'

/**
 * The default maximum size of the output, stdout and stderr together, and of the part of each
 * stream that is kept.
 */
export const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024
/** The maximum output after a kill: an agent sends no more than this of the two streams. */
const AFTER_KILL_BYTES = 3 * 1024 * 1024

/** The owner of an output. The output reports its progress to the owner. */
export interface OutputSource {
  /** Bytes of a stream were consumed: the agent may send the same number of bytes again. */
  consumed(stream: number, bytes: number): void
  /** The output exceeds its limit. */
  exceeded(): void
}

/**
 * Receives the output of a program, in one of three modes.
 * - `held`: the caller has neither awaited nor iterated the handle yet. The output waits in a
 *   queue, and the program waits when the credit of its streams is used up.
 * - `dropped`: the output is consumed at once. Only the part that is kept for the result counts.
 * - `taken`: a reader takes the output chunk by chunk. The program waits for the reader.
 *
 * After a kill, all output is consumed at once, so that the end of the program waits for no reader.
 */
export class ProgramOutput {
  /** Called with all output when it arrives, in every mode. */
  onData: (stream: number, bytes: Buffer) => void = () => {}
  readonly #source: OutputSource
  readonly #chunks = new ChunkQueue()
  /** The `maxOutputBytes` of the caller. */
  readonly #maxOutputBytes: number | undefined
  /** By stream, the bytes that were delivered to the queue and not consumed yet. */
  readonly #unconsumed = new Map<number, number>()
  #mode: 'held' | 'dropped' | 'taken' = 'held'
  #kept: Record<'stdout' | 'stderr', BoundedOutput> | undefined
  #records: RunRecords | undefined
  #keepResultBytes = MAX_RESULT_BYTES
  #keepBytes: number
  #received = 0
  #limit: number
  /** The number of bytes that may still be delivered to the queue. */
  #deliverable: number
  #isCut = false
  #isDetached = false

  constructor({ maxOutputBytes, keepBytes }: ProgramLimits, source: OutputSource) {
    this.#source = source
    this.#maxOutputBytes = maxOutputBytes
    this.#keepBytes = keepBytes ?? maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES
    this.#limit = maxOutputBytes ?? Number.POSITIVE_INFINITY
    this.#deliverable = this.#limit
  }

  /** Whether some output was not delivered to the reader. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** The output that is kept for the result. */
  get kept(): Readonly<Record<'stdout' | 'stderr', BoundedOutput>> {
    // Created at the first output: by then it is known how much has to be kept.
    this.#kept ??= {
      stdout: new BoundedOutput(this.#keepBytes),
      stderr: new BoundedOutput(this.#keepBytes),
    }
    return this.#kept
  }

  /** Whether some output is not kept. */
  get isTruncated(): boolean {
    return this.kept.stdout.isTruncated || this.kept.stderr.isTruncated
  }

  /** The records that the program has sent besides its output. */
  get records(): RunRecords {
    this.#records ??= new RunRecords(this.#keepResultBytes)
    return this.#records
  }

  /**
   * Switches to the mode `dropped`: the output that arrives is consumed at once. `limitBytes` is
   * the maximum size of the output if the caller has set none.
   */
  drop(limitBytes: number): void {
    if (this.#mode === 'held') this.#limit = this.#maxOutputBytes ?? limitBytes
    this.#mode = 'dropped'
    for (let chunk = this.#chunks.tryTake(); chunk; chunk = this.#chunks.tryTake())
      this.#consume(chunk)
  }

  /**
   * Switches to the mode `taken`: the caller reads the output with `next()`. Returns the output
   * that was dropped before, as far as it was kept.
   */
  take(keepBytes: number, keepResultBytes: number): StreamChunk[] {
    const missed = this.#mode === 'dropped' ? this.#keptAsChunks() : []
    this.#mode = 'taken'
    this.#limit = this.#maxOutputBytes ?? Number.POSITIVE_INFINITY
    this.#keepBytes = this.#maxOutputBytes ?? keepBytes
    this.#keepResultBytes = keepResultBytes
    if (this.#records) this.#records.limitBytes = keepResultBytes
    return missed
  }

  /** Waits for the next chunk and consumes it. Resolves to `undefined` after the last chunk. */
  async next(): Promise<StreamChunk | undefined> {
    const chunk = await this.#chunks.take()
    if (chunk) this.#consume(chunk)
    return chunk
  }

  /** Takes the bytes of a stream from the agent. */
  receive(stream: number, bytes: Buffer): void {
    const results = stream === Stream.records ? this.records.push(bytes) : []
    if (stream !== Stream.records) {
      this.#received += bytes.length
      this.kept[stream === Stream.stdout ? 'stdout' : 'stderr'].push(bytes)
      this.onData(stream, bytes)
    }
    if (this.#mode === 'dropped') this.#source.consumed(stream, bytes.length)
    else this.#deliver(stream, bytes, results)
    if (this.#received > this.#limit) this.#source.exceeded()
  }

  /** Consumes all output at once from now on, because the program was killed. */
  detach(): void {
    this.#isDetached = true
    this.#deliverable = Math.min(this.#deliverable, AFTER_KILL_BYTES)
    for (const [stream, bytes] of this.#unconsumed) this.#source.consumed(stream, bytes)
    this.#unconsumed.clear()
  }

  /** Ends the output: the agent sends no more. */
  end(): void {
    this.#chunks.end()
  }

  /** Returns the kept output as chunks, for a reader that starts after output was dropped. */
  #keptAsChunks(): StreamChunk[] {
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
    // Bytes that are not delivered, and all bytes after a kill, are consumed at once.
    const consumed = this.#isDetached ? bytes.length : bytes.length - part.length
    if (consumed > 0) this.#source.consumed(stream, consumed)
    const unconsumed = (this.#unconsumed.get(stream) ?? 0) + bytes.length - consumed
    if (consumed < bytes.length) this.#unconsumed.set(stream, unconsumed)
  }

  #consume({ stream, bytes }: Omit<StreamChunk, 'results'>): void {
    const unconsumed = this.#unconsumed.get(stream) ?? 0
    const consumed = Math.min(unconsumed, bytes.length)
    if (consumed === 0) return
    this.#unconsumed.set(stream, unconsumed - consumed)
    this.#source.consumed(stream, consumed)
  }
}
