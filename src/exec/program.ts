import type { Channel } from '../agent/channel.js'
import type { Exchange, Outcome } from '../agent/exchange.js'
import type { ExecRequest, RunRequest, Started } from '../agent/protocol.js'
import { Stream } from '../agent/protocol.js'
import { deadlineIn } from '../deadline.js'
import { deferred } from '../deferred.js'
import { endOf, NEVER_STARTED } from './ending.js'
import type { ProgramEnd } from './ending.js'
import type { CodeEnd, ContextState, ExecEnd, KilledBy } from './result.js'
import type { Piece } from '../bytes/inbox.js'
import { Inbox } from '../bytes/inbox.js'
import type { Lease } from '../lease.js'
import type { ProgramLimits } from './limits.js'
import { BoundedOutput } from './output.js'
import type { RichResult } from './records.js'
import { MAX_RESULT_BYTES, RunRecords } from './records.js'

/** How much of each stream is kept, and how much there may be of both, where nobody says. */
export const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024
/** What may still come after a kill: what an agent sends at most of two streams. */
const AFTER_KILL_BYTES = 3 * 1024 * 1024

/** The exit code of code that was interrupted. */
const INTERRUPTED = 130

/** What work on the output gets beyond the limits of the call. */
const PATIENCE_MS = 1000

/**
 * One program in the lease's container, within its limits.
 *
 * Its output goes one of three ways. Held: nobody has asked yet, and the agent stops at the end of
 * its credit. Dropped: only what is kept of it counts. Taken: piece by piece, and the agent goes on
 * as they are taken. Once it is killed, its end waits for nobody: the rest is paid for at once.
 */
export class Program {
  /** How it ended; settles once, never rejects. Its `truncated` is about what is kept. */
  readonly ended: Promise<ExecEnd>
  /** Sees output as it comes, whichever way it goes. */
  onData: (stream: number, bytes: Buffer) => void = () => {}
  /** None before its time has come, nor where it was ended before that. */
  #exchange: Exchange | undefined
  readonly #started = deferred<Started | undefined>()
  readonly #ended = deferred<ProgramEnd>()
  readonly #request: RunRequest | ExecRequest
  readonly #inbox = new Inbox()
  readonly #lease: Lease<Channel>
  readonly #limits: ProgramLimits
  readonly #given: number | undefined
  readonly #unpaid = new Map<number, number>()
  readonly #signalled = new Set<string>()
  readonly #startedAt = performance.now()
  #way: 'held' | 'dropped' | 'taken' = 'held'
  #kept: Record<'stdout' | 'stderr', BoundedOutput> | undefined
  #records: RunRecords | undefined
  #refusal: { error: unknown } | undefined
  #keepResultBytes = MAX_RESULT_BYTES
  #contextState: ContextState | undefined
  #isOver = false
  #keepBytes: number
  #received = 0
  #limit: number
  #deliverable: number
  #isCut = false
  #killedBy: KilledBy | undefined

  constructor(lease: Lease<Channel>, request: RunRequest | ExecRequest, limits: ProgramLimits) {
    const { timeoutMs, signal, maxOutputBytes, keepBytes, after } = limits
    this.#lease = lease
    this.#limits = limits
    this.#given = maxOutputBytes
    this.#keepBytes = keepBytes ?? maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES
    this.#limit = maxOutputBytes ?? Number.POSITIVE_INFINITY
    this.#deliverable = this.#limit
    this.#request = request
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => this.end('timeout'), timeoutMs)
    const abort = () => this.end('abort')
    signal?.addEventListener('abort', abort, { once: true })
    this.ended = this.#ended.promise.then((end) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      this.#inbox.end()
      return this.#describe(end)
    })
    if (signal?.aborted) this.end('abort')
    if (after) void after.then(() => this.#open()).catch((error: unknown) => this.#refuse(error))
    else this.#openNow()
  }

  /** Sends to its stdin, as fast as it reads. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#exchange) await this.#limits.after
    await this.#exchange?.write(bytes)
  }

  /** Its stdin is over. */
  endInput(): void {
    if (this.#exchange || !this.#limits.after) return this.#exchange?.end()
    void this.#limits.after.then(
      () => this.#exchange?.end(),
      () => {}, // it was refused
    )
  }

  /** Settles when it runs; `undefined` where it ended without. */
  get started(): Promise<Started | undefined> {
    return this.#started.promise
  }

  /** Whether it has a stdin: a context's is at its end. */
  get hasInput(): boolean {
    return this.#limits.context === undefined
  }

  get isOver(): boolean {
    return this.#isOver || this.#exchange?.isOver === true
  }

  /** Whether some output was not delivered to whoever takes it. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** What is kept of its output. */
  get kept(): Readonly<Record<'stdout' | 'stderr', BoundedOutput>> {
    // Made late: how much to keep is known by the time there is some.
    this.#kept ??= {
      stdout: new BoundedOutput(this.#keepBytes),
      stderr: new BoundedOutput(this.#keepBytes),
    }
    return this.#kept
  }

  /** What it has said beside its output. */
  get records(): RunRecords {
    this.#records ??= new RunRecords(this.#keepResultBytes)
    return this.#records
  }

  /** Of its end, what code alone has. `left` is how many of its results were left out. */
  codeEnd(left: number): Pick<CodeEnd, 'error' | 'context' | 'omittedResults'> {
    const { error, unreadable = 0 } = this.#records ?? {}
    const context = this.#contextState
    return {
      ...(error && { error }),
      ...(context && { context }),
      ...(left + unreadable > 0 && { omittedResults: left + unreadable }),
    }
  }

  /** @throws what it was refused for. */
  throwRefusal(): void {
    if (this.#refusal) throw this.#refusal.error
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

  /** The next of its output, `undefined` after the last. */
  async next(): Promise<Piece | undefined> {
    const piece = await this.#inbox.take()
    if (piece) this.#pay(piece)
    return piece
  }

  /** Waits for work on the output of a program that is over, but not past the limits of the call. */
  async allow(work: Promise<void>): Promise<void> {
    const { timeoutMs = 0, signal } = this.#limits
    const leftMs = timeoutMs - (performance.now() - this.#startedAt)
    const ends = [this.#lease.signal, ...(signal ? [signal] : [])]
    const waitMs = PATIENCE_MS + (this.#killedBy ? 0 : Math.max(0, leftMs))
    const deadline = deadlineIn(waitMs, AbortSignal.any(ends))
    const late = new Promise<void>((resolve) => {
      if (deadline.signal.aborted) resolve()
      else deadline.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([work, late]).finally(deadline.clear)
  }

  /** Kills it, for a reason; by way of the engine, where the agent does not confirm. */
  end(reason: KilledBy): void {
    if (this.#killedBy || this.isOver) return
    this.#killedBy = reason
    if (!this.#exchange) return this.#settle(NEVER_STARTED)
    this.#deliverable = Math.min(this.#deliverable, AFTER_KILL_BYTES)
    if (this.#limits.context) this.#exchange.interrupt()
    else this.#exchange.stop('SIGKILL')
    for (const [stream, bytes] of this.#unpaid) this.#exchange.consumed(stream, bytes)
    this.#unpaid.clear()
  }

  /** Signals it, and what descends from it. */
  signal(name: string): void {
    if (name === 'SIGKILL' || !this.#exchange) {
      this.end('abort')
      return this.#exchange?.stop('SIGKILL')
    }
    this.#signalled.add(name)
    this.#exchange.signal(name)
  }

  #openNow(): void {
    try {
      this.#open()
    } catch (error) {
      this.#settle(NEVER_STARTED) // it lets go of timer and signal
      throw error
    }
  }

  #open(): void {
    if (this.#isOver) return // it was ended while it waited
    const exchange = this.#lease.container.open(this.#request, (stream, bytes) =>
      this.#receive(stream, bytes),
    )
    this.#exchange = exchange
    void exchange.started.then(this.#started.resolve)
    void exchange.outcome.then((outcome) => this.#conclude(outcome))
  }

  #conclude(outcome: Outcome): void {
    this.#sayWhy(outcome)
    this.#settle(endOf(outcome, this.#lease))
  }

  #refuse(error: unknown): void {
    if (!this.#isOver) this.#refusal = { error }
    this.#settle(NEVER_STARTED)
  }

  #settle(end: ProgramEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#contextState = this.#limits.context?.state()
    this.#started.resolve(undefined)
    this.#ended.resolve(end)
  }

  #missed(): Piece[] {
    this.#deliverable = Math.max(0, this.#deliverable - this.#received)
    const { stdout, stderr } = this.kept
    this.#isCut = stdout.isTruncated || stderr.isTruncated
    const results = this.#records?.results ?? []
    const pieces = [
      { stream: Stream.stdout, bytes: stdout.toBuffer(), results: [] },
      { stream: Stream.stderr, bytes: stderr.toBuffer(), results: [] },
      { stream: Stream.records, bytes: Buffer.alloc(0), results: [...results] },
    ]
    return pieces.filter((piece) => piece.bytes.length > 0 || piece.results.length > 0)
  }

  /** An agent that could not start it says why; nobody else will. */
  #sayWhy(outcome: Outcome): void {
    const error = 'done' in outcome ? outcome.done.error : undefined
    if (error) this.#receive(Stream.stderr, Buffer.from(`${error.code}: ${error.message}\n`))
  }

  #receive(stream: number, bytes: Buffer): void {
    const results = stream === Stream.records ? this.records.push(bytes) : []
    if (stream !== Stream.records) {
      this.#received += bytes.length
      this.kept[stream === Stream.stdout ? 'stdout' : 'stderr'].push(bytes)
      this.onData(stream, bytes)
    }
    if (this.#way === 'dropped') this.#exchange?.consumed(stream, bytes.length)
    else this.#deliver(stream, bytes, results)
    if (this.#received > this.#limit) this.end('output')
  }

  #deliver(stream: number, bytes: Buffer, results: readonly RichResult[]): void {
    const isOutput = stream !== Stream.records
    const part = isOutput ? bytes.subarray(0, this.#deliverable) : bytes
    if (isOutput) this.#deliverable -= part.length
    if (part.length < bytes.length) this.#isCut = true
    if (part.length > 0) this.#inbox.push(stream, part, results)
    // What nobody will take is paid for at once, as is everything after a kill.
    const paid = this.#killedBy ? bytes.length : bytes.length - part.length
    if (paid > 0) this.#exchange?.consumed(stream, paid)
    const owed = bytes.length - paid
    if (owed > 0) this.#unpaid.set(stream, (this.#unpaid.get(stream) ?? 0) + owed)
  }

  #pay({ stream, bytes }: Omit<Piece, 'results'>): void {
    const unpaid = this.#unpaid.get(stream) ?? 0
    const paid = Math.min(unpaid, bytes.length)
    if (paid === 0) return
    this.#unpaid.set(stream, unpaid - paid)
    this.#exchange?.consumed(stream, paid)
  }

  #describe({ exitCode, signal, usage, killedBy }: ProgramEnd): ExecEnd {
    // One that was over before the kill came was not killed; its output was too much all the same.
    const wasInterrupted = this.#limits.context !== undefined && exitCode === INTERRUPTED
    const wasKilled = exitCode === null || wasInterrupted || this.#killedBy === 'output'
    const told = wasInterrupted ? 'SIGINT' : signal
    const asked = told !== null && this.#signalled.has(told) ? 'abort' : undefined
    const reason = (wasKilled ? this.#killedBy : undefined) ?? killedBy ?? asked
    return {
      exitCode,
      signal,
      durationMs: Math.round((performance.now() - this.#startedAt) * 1000) / 1000,
      usage,
      truncated: this.kept.stdout.isTruncated || this.kept.stderr.isTruncated,
      ...(reason && { killedBy: reason }),
    }
  }
}
