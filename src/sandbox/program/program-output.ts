import { Stream } from '../../agent/protocol.js'
import type { Piece } from '../streams/chunk-queue.js'
import { Inbox } from '../streams/chunk-queue.js'
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
 * at the end of its credit. Dropped: only what is kept of it counts. Taken: piece by piece, and the
 * agent goes on as they are taken. Once the program is killed, its end waits for nobody: the rest is
 * paid for at once.
 */
export class ProgramOutput {
  /** Sees output as it comes, whichever way it goes. */
  onData: (stream: number, bytes: Buffer) => void = () => {}
  readonly #source: OutputSource
  readonly #inbox = new Inbox()
  readonly #given: number | undefined
  readonly #unpaid = new Map<number, number>()
  #way: 'held' | 'dropped' | 'taken' = 'held'
  #kept: Record<'stdout' | 'stderr', BoundedOutput> | undefined
  #records: RunRecords | undefined
  #keepResultBytes = MAX_RESULT_BYTES
  #keepBytes: number
  #received = 0
  #limit: number
  #deliverable: number
  #isCut = false
  #isHurried = false

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
    for (let piece = this.#inbox.takeNow(); piece; piece = this.#inbox.takeNow()) this.#pay(piece)
  }

  /** From here on somebody calls `next()`. What was dropped before comes first, as far as it is kept. */
  take(keepBytes: number, keepResultBytes: number): Piece[] {
    const missed = this.#way === 'dropped' ? this.#missed() : []
    this.#way = 'taken'
    this.#limit = this.#given ?? Number.POSITIVE_INFINITY
    this.#keepBytes = this.#given ?? keepBytes
    this.#keepResultBytes = keepResultBytes
    if (this.#records) this.#records.limitBytes = keepResultBytes
    return missed
  }

  /** The next of it, `undefined` after the last. */
  async next(): Promise<Piece | undefined> {
    const piece = await this.#inbox.take()
    if (piece) this.#pay(piece)
    return piece
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
  hurry(): void {
    this.#isHurried = true
    this.#deliverable = Math.min(this.#deliverable, AFTER_KILL_BYTES)
    for (const [stream, bytes] of this.#unpaid) this.#source.consumed(stream, bytes)
    this.#unpaid.clear()
  }

  /** There is no more. */
  end(): void {
    this.#inbox.end()
  }

  #missed(): Piece[] {
    this.#deliverable = Math.max(0, this.#deliverable - this.#received)
    this.#isCut = this.isTruncated
    const { stdout, stderr } = this.kept
    const results = this.#records?.results ?? []
    const pieces = [
      { stream: Stream.stdout, bytes: stdout.toBuffer(), results: [] },
      { stream: Stream.stderr, bytes: stderr.toBuffer(), results: [] },
      { stream: Stream.records, bytes: Buffer.alloc(0), results: [...results] },
    ]
    return pieces.filter((piece) => piece.bytes.length > 0 || piece.results.length > 0)
  }

  #deliver(stream: number, bytes: Buffer, results: readonly RichResult[]): void {
    const isOutput = stream !== Stream.records
    const part = isOutput ? bytes.subarray(0, this.#deliverable) : bytes
    if (isOutput) this.#deliverable -= part.length
    if (part.length < bytes.length) this.#isCut = true
    if (part.length > 0) this.#inbox.push(stream, part, results)
    // What nobody will take is paid for at once.
    const paid = this.#isHurried ? bytes.length : bytes.length - part.length
    if (paid > 0) this.#source.consumed(stream, paid)
    const owed = bytes.length - paid
    if (owed > 0) this.#unpaid.set(stream, (this.#unpaid.get(stream) ?? 0) + owed)
  }

  #pay({ stream, bytes }: Omit<Piece, 'results'>): void {
    const unpaid = this.#unpaid.get(stream) ?? 0
    const paid = Math.min(unpaid, bytes.length)
    if (paid === 0) return
    this.#unpaid.set(stream, unpaid - paid)
    this.#source.consumed(stream, paid)
  }
}
