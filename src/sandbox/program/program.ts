import type { Channel } from '../../agent/channel.js'
import type { Exchange, Outcome } from '../../agent/exchange.js'
import type { ExecRequest, RunRequest, Started } from '../../agent/protocol.js'
import { Stream } from '../../agent/protocol.js'
import { aborted, deadlineIn, setDeadline } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { endOf, NEVER_STARTED } from './killed-by.js'
import type { ProgramEnd } from './killed-by.js'
import type { CodeEnd, ContextState, ExecEnd, KilledBy } from './result.js'
import type { Lease } from '../../pool/lease.js'
import type { ProgramLimits } from './limits.js'
import { ProgramOutput } from './program-output.js'

/** The exit code of code that was interrupted. */
const INTERRUPTED = 130

/** What work on the output gets beyond the limits of the call. */
const OUTPUT_GRACE_MS = 1000

/** One program in the lease's container, within its limits. */
export class Program {
  /** How it ended; settles once, never rejects. Its `truncated` is about what is kept. */
  readonly ended: Promise<ExecEnd>
  readonly output: ProgramOutput
  /** None before its time has come, nor where it was ended before that. */
  #exchange: Exchange | undefined
  readonly #started = deferred<Started | undefined>()
  readonly #ended = deferred<ProgramEnd>()
  readonly #request: RunRequest | ExecRequest
  readonly #lease: Lease<Channel>
  readonly #limits: ProgramLimits
  readonly #signalled = new Set<string>()
  readonly #startedAt = performance.now()
  #refusal: { error: unknown } | undefined
  #contextState: ContextState | undefined
  #isOver = false
  #killedBy: KilledBy | undefined

  constructor(lease: Lease<Channel>, request: RunRequest | ExecRequest, limits: ProgramLimits) {
    const { timeoutMs, signal, after } = limits
    this.#lease = lease
    this.#limits = limits
    this.#request = request
    this.output = new ProgramOutput(limits, {
      consumed: (stream, bytes) => this.#exchange?.consumed(stream, bytes),
      exceeded: () => this.end('output'),
    })
    const timer =
      timeoutMs === undefined ? undefined : setDeadline(timeoutMs, () => this.end('timeout'))
    const abort = () => this.end('abort')
    signal?.addEventListener('abort', abort, { once: true })
    this.ended = this.#ended.promise.then((end) => {
      timer?.clear()
      signal?.removeEventListener('abort', abort)
      this.output.end()
      return this.#describe(end)
    })
    // Without a time limit it runs in the background of the lease.
    if (timeoutMs !== undefined) lease.busyUntil(this.ended)
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

  /** Of its end, what code alone has. `left` is how many of its results were left out. */
  codeEnd(left: number): Pick<CodeEnd, 'error' | 'context' | 'omittedResults'> {
    const { error, unreadable } = this.output.records
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

  /** Waits for work on the output of a program that is over, but not past the limits of the call. */
  async allow(work: Promise<void>): Promise<void> {
    const { signal } = this.#limits
    const leftMs = this.#leftMs ?? 0
    const ends = [this.#lease.signal, ...(signal ? [signal] : [])]
    const waitMs = OUTPUT_GRACE_MS + (this.#killedBy ? 0 : leftMs)
    const deadline = deadlineIn(waitMs, AbortSignal.any(ends))
    await Promise.race([work, aborted(deadline.signal)]).finally(deadline.clear)
  }

  /** Kills it, for a reason; by way of the engine, where the agent does not confirm. */
  end(reason: KilledBy): void {
    if (this.#killedBy || this.isOver) return
    this.#killedBy = reason
    if (!this.#exchange) return this.#settle(NEVER_STARTED)
    if (this.#limits.context) this.#exchange.interrupt()
    else this.#exchange.stop('SIGKILL')
    this.output.detach()
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

  /** How much of the call's time is left, in milliseconds. */
  get #leftMs(): number | undefined {
    const { timeoutMs } = this.#limits
    if (timeoutMs === undefined) return undefined
    return Math.max(0, Math.ceil(timeoutMs - (performance.now() - this.#startedAt)))
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
    // The agent ends the program by itself if this host cannot.
    const request = { ...this.#request, timeoutMs: this.#leftMs }
    const exchange = this.#lease.container.open(request, (stream, bytes) =>
      this.output.receive(stream, bytes),
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

  /** An agent that could not start it says why; nobody else will. */
  #sayWhy(outcome: Outcome): void {
    const error = 'done' in outcome ? outcome.done.error : undefined
    if (error) this.output.receive(Stream.stderr, Buffer.from(`${error.code}: ${error.message}\n`))
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
      truncated: this.output.isTruncated,
      ...(reason && { killedBy: reason }),
    }
  }
}
