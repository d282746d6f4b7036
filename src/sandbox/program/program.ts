import type { Channel } from '../../agent/channel.js'
import type { Exchange, Outcome } from '../../agent/exchange.js'
import type { ExecRequest, RunRequest, Started } from '../../agent/protocol.js'
import { Stream } from '../../agent/protocol.js'
import { aborted, deadlineIn, setDeadline } from '../../util/deadline.js'
import { deferred } from '../../util/deferred.js'
import { endOf, KILLED_BY_LEASE_END, NEVER_STARTED } from './killed-by.js'
import type { ProgramEnd } from './killed-by.js'
import type { CodeEnd, ContextState, ExecEnd, KilledBy } from './result.js'
import type { Lease } from '../../pool/lease.js'
import type { ProgramLimits } from './limits.js'
import { ProgramOutput } from './program-output.js'

/** The exit code of code that was interrupted. */
const INTERRUPTED = 130

/** The time that callbacks get for the rest of the output, beyond the limits of the call. */
const CALLBACK_GRACE_MS = 1000

/** One program in the container of a lease. Enforces the limits of the program. */
export class Program {
  /**
   * Resolves to the end of the program; never rejects. Its `truncated` says whether the kept output
   * has a gap.
   */
  readonly ended: Promise<ExecEnd>
  readonly output: ProgramOutput
  /** The request to the agent; `undefined` while the program waits for its start. */
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
  #isSettled = false
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
    // The container of a session stays when the lease of one request ends. If the container itself
    // has ended, its exit tells more.
    const forget = lease.onEnd((how) => {
      if (how !== 'crash') this.end(KILLED_BY_LEASE_END[how])
    })
    this.ended = this.#ended.promise.then((end) => {
      timer?.clear()
      signal?.removeEventListener('abort', abort)
      forget()
      this.output.end()
      const described = this.#describe(end)
      if (!this.#refusal) limits.onEnded?.(described)
      return described
    })
    // A program without a time limit runs in the background: the lease is not busy because of it.
    if (timeoutMs !== undefined) lease.busyUntil(this.ended)
    if (signal?.aborted) this.end('abort')
    if (after) void after.then(() => this.#open()).catch((error: unknown) => this.#refuse(error))
    else this.#openNow()
  }

  /** Writes to the stdin of the program, as fast as the program reads. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#exchange) await this.#limits.after
    await this.#exchange?.write(bytes)
  }

  /** Ends the stdin of the program. */
  endInput(): void {
    if (this.#exchange || !this.#limits.after) return this.#exchange?.end()
    void this.#limits.after.then(
      () => this.#exchange?.end(),
      () => {}, // the program was refused
    )
  }

  /** Resolves when the program runs; to `undefined` if it ended before it could start. */
  get started(): Promise<Started | undefined> {
    return this.#started.promise
  }

  /** Whether the program has a stdin. In a context, stdin is always empty. */
  get hasInput(): boolean {
    return this.#limits.context === undefined
  }

  get isOver(): boolean {
    return this.#isSettled || this.#exchange?.isOver === true
  }

  /**
   * Returns the fields of the end that only code has. `omitted` is the number of results that were
   * left out; the invalid records are added to it.
   */
  codeEnd(omitted: number): Pick<CodeEnd, 'error' | 'context' | 'omittedResults'> {
    const { error, unreadable } = this.output.records
    const context = this.#contextState
    return {
      ...(error && { error }),
      ...(context && { context }),
      ...(omitted + unreadable > 0 && { omittedResults: omitted + unreadable }),
    }
  }

  /**
   * Throws if the program was refused before it could start.
   *
   * @throws the error with which `after` rejected, or the error of the request.
   */
  throwRefusal(): void {
    if (this.#refusal) throw this.#refusal.error
  }

  /**
   * Waits until the callbacks have received the output of a program that has ended. Waits at most
   * as long as the limits of the call allow, plus a grace period.
   */
  async waitForCallbacks(callbacks: Promise<void>): Promise<void> {
    const { signal } = this.#limits
    const leftMs = this.#leftMs ?? 0
    const ends = [this.#lease.signal, ...(signal ? [signal] : [])]
    const waitMs = CALLBACK_GRACE_MS + (this.#killedBy ? 0 : leftMs)
    const deadline = deadlineIn(waitMs, AbortSignal.any(ends))
    await Promise.race([callbacks, aborted(deadline.signal)]).finally(deadline.clear)
  }

  /**
   * Ends the program for a reason: interrupts it in a context, kills it otherwise. If the agent does
   * not confirm the end, the call is answered all the same, and the engine kills the container later.
   */
  end(reason: KilledBy): void {
    if (this.#killedBy || this.isOver) return
    this.#killedBy = reason
    if (!this.#exchange) return this.#settle(NEVER_STARTED)
    if (this.#limits.context) this.#exchange.interrupt()
    else this.#exchange.stop('SIGKILL')
    this.output.detach()
  }

  /** Sends a signal to the program and all its descendants. */
  signal(name: string): void {
    if (name === 'SIGKILL' || !this.#exchange) {
      this.end('abort')
      return this.#exchange?.stop('SIGKILL')
    }
    this.#signalled.add(name)
    this.#exchange.signal(name)
  }

  /** The rest of the time limit, in milliseconds; `undefined` if there is no time limit. */
  get #leftMs(): number | undefined {
    const { timeoutMs } = this.#limits
    if (timeoutMs === undefined) return undefined
    return Math.max(0, Math.ceil(timeoutMs - (performance.now() - this.#startedAt)))
  }

  #openNow(): void {
    try {
      this.#open()
    } catch (error) {
      this.#refuse(error) // clears the timer and the listener on the signal
      throw error
    }
  }

  #open(): void {
    if (this.#isSettled) return // the program was ended while it waited
    // The agent gets the time limit too: it ends the program if this host cannot.
    const request = { ...this.#request, timeoutMs: this.#leftMs }
    const exchange = this.#lease.container.open(request, (stream, bytes) =>
      this.output.receive(stream, bytes),
    )
    this.#exchange = exchange
    void exchange.started.then(this.#started.resolve)
    void exchange.outcome.then((outcome) => this.#conclude(outcome))
  }

  #conclude(outcome: Outcome): void {
    this.#reportStartError(outcome)
    this.#settle(endOf(outcome, this.#lease))
    // The process of the context was killed, also if the agent has not confirmed it yet.
    if ('lost' in outcome && this.#limits.context) this.#contextState = 'lost'
  }

  #refuse(error: unknown): void {
    if (!this.#isSettled) this.#refusal = { error }
    this.#settle(NEVER_STARTED)
  }

  #settle(end: ProgramEnd): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#contextState = this.#limits.context?.state()
    this.#started.resolve(undefined)
    this.#ended.resolve(end)
  }

  /**
   * Writes the error of an agent that could not start the program to stderr, for the user to see.
   */
  #reportStartError(outcome: Outcome): void {
    const error = 'done' in outcome ? outcome.done.error : undefined
    if (error) this.output.receive(Stream.stderr, Buffer.from(`${error.code}: ${error.message}\n`))
  }

  #describe({ exitCode, signal, usage, killedBy }: ProgramEnd): ExecEnd {
    // A program that exited before the kill reached it was not killed. Only the reason `output` is
    // reported all the same, because the output exceeded its limit in any case.
    const wasInterrupted = this.#limits.context !== undefined && exitCode === INTERRUPTED
    const wasKilled = exitCode === null || wasInterrupted || this.#killedBy === 'output'
    const endSignal = wasInterrupted ? 'SIGINT' : signal
    const wasSignalled = endSignal !== null && this.#signalled.has(endSignal)
    const killReason = wasKilled ? this.#killedBy : undefined
    const reason = killReason ?? killedBy ?? (wasSignalled ? 'abort' : undefined)
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
