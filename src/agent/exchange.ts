import type { ContainerExit } from '../engine/engine.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import type { Done, Started } from './protocol.js'
import { CHUNK_BYTES, Kind, Stream, WINDOW_BYTES } from './protocol.js'

/** The result of an exchange: the answer of the agent, or the exit of the container. */
export type Outcome = { done: Done } | { lost: ContainerExit }

/** The operations of a channel that an exchange needs. */
export interface Wire {
  /** Sends a frame of this request. */
  send: (kind: number, ...parts: Uint8Array[]) => void
  /** Called if the agent does not confirm the end of the request within the grace period. */
  unconfirmed: () => void
}

/**
 * The time for a request to end after SIGINT, in milliseconds. A call must be answered within one
 * second of its deadline, so the sum of both grace periods is less than that.
 */
const INTERRUPT_GRACE_MS = 500
/** The time for a request to end after SIGKILL, in milliseconds. */
export const KILL_GRACE_MS = 400
/** The length of a credit frame: the number of a stream, and the amount. */
const CREDIT_BYTES = 5

/** One request and its streams, with credit in both directions. `Channel.open()` creates it. */
export class Exchange {
  /** Resolves with the result of the request. Never rejects. */
  readonly outcome: Promise<Outcome>
  /**
   * Resolves when the request has begun, with the `started` frame of the agent. Resolves with
   * `undefined` if the request ends without one. Never rejects.
   */
  readonly started: Promise<Started | undefined>
  readonly #settle: (outcome: Outcome) => void
  readonly #begin: (started: Started | undefined) => void
  #onData: (stream: number, bytes: Buffer) => void
  readonly #wire: Wire
  /** The credit of the agent: the number of bytes that it may still send, by stream. */
  readonly #allowed = new Map<number, number>([
    [Stream.stdout, WINDOW_BYTES],
    [Stream.stderr, WINDOW_BYTES],
    [Stream.records, WINDOW_BYTES],
  ])
  /** The number of consumed bytes for which the agent has not got new credit, by stream. */
  readonly #uncredited = new Map<number, number>()
  /** The credit of the host: the number of bytes of stdin that it may still send. */
  #budget = WINDOW_BYTES
  #isOver = false
  #isStopped = false
  #hasStarted = false
  #grace: DeadlineTimer | undefined
  #wakeWriter: (() => void) | undefined

  constructor(onData: (stream: number, bytes: Buffer) => void, wire: Wire) {
    const outcome = deferred<Outcome>()
    const started = deferred<Started | undefined>()
    this.outcome = outcome.promise
    this.started = started.promise
    this.#settle = outcome.resolve
    this.#begin = started.resolve
    this.#onData = onData
    this.#wire = wire
  }

  /** Whether the request has ended. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Sends bytes to the stdin of the program, as fast as the program reads. Resolves early if the
   * request ends.
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#isOver;) {
      if (this.#budget === 0) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve
        })
        continue
      }
      const part = bytes.subarray(at, at + Math.min(CHUNK_BYTES, this.#budget))
      this.#budget -= part.length
      at += part.length
      this.#wire.send(Kind.data, Uint8Array.of(Stream.stdin), part)
    }
  }

  /** Ends the stdin of the program. */
  end(): void {
    if (!this.#isOver) this.#wire.send(Kind.eof)
  }

  /** Sends a signal to the program and its descendants. Any signal stops a file request. */
  signal(name: string): void {
    if (!this.#isOver) this.#wire.send(Kind.signal, Buffer.from(name))
  }

  /**
   * Sends SIGINT to the program. If the request does not end within the grace period, SIGKILL
   * follows.
   */
  interrupt(): void {
    if (this.#isOver || this.#grace) return
    this.signal('SIGINT')
    this.#grace = setDeadline(INTERRUPT_GRACE_MS, () => this.stop('SIGKILL'))
  }

  /**
   * Sends a signal that ends the request. If the request does not end within the grace period, the
   * caller is answered, and the container is killed later. Further calls do nothing.
   */
  stop(name: 'SIGKILL' | 'SIGTERM'): void {
    if (this.#isOver || this.#isStopped) return
    this.#isStopped = true
    this.#grace?.clear()
    this.signal(name)
    this.#grace = setDeadline(KILL_GRACE_MS, () => this.#wire.unconfirmed())
  }

  /**
   * Stops the request with SIGKILL when a signal aborts. Returns the function that removes the
   * listener.
   */
  stopOn(signal: AbortSignal | undefined): () => void {
    const stop = () => this.stop('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    return () => signal?.removeEventListener('abort', stop)
  }

  /**
   * Counts bytes of a stream as processed, so that the agent may send the same number of further
   * bytes.
   */
  consumed(stream: number, bytes: number): void {
    const uncredited = (this.#uncredited.get(stream) ?? 0) + bytes
    // Credit is sent in large amounts, so that a short run needs no credit frame.
    const isDue = uncredited >= WINDOW_BYTES / 2
    this.#uncredited.set(stream, isDue ? 0 : uncredited)
    if (!isDue || this.#isOver) return
    this.#allowed.set(stream, (this.#allowed.get(stream) ?? 0) + uncredited)
    const amount = Buffer.alloc(CREDIT_BYTES)
    amount[0] = stream
    amount.writeUInt32BE(uncredited, 1)
    this.#wire.send(Kind.credit, amount)
  }

  /**
   * Handles a data frame. Throws if it exceeds the credit. It must have at least one byte: frames
   * that use no credit could be sent without end.
   */
  onDataFrame(payload: Buffer): void {
    if (this.#isOver) return // The request was lost, so nothing reads the data.
    const stream = payload.readUInt8(0)
    const bytes = payload.subarray(1)
    if (bytes.length === 0) throw new RangeError('data of no bytes')
    const allowed = (this.#allowed.get(stream) ?? 0) - bytes.length
    if (allowed < 0) throw new RangeError(`data beyond the credit of stream ${stream}`)
    this.#allowed.set(stream, allowed)
    this.#onData(stream, bytes)
  }

  /** Handles a credit frame. Throws if it grants more credit than was used. */
  onCreditFrame(payload: Buffer): void {
    if (payload.length !== CREDIT_BYTES || payload[0] !== Stream.stdin)
      throw new RangeError('credit for another stream than stdin')
    const amount = payload.readUInt32BE(1)
    if (amount === 0) throw new RangeError('credit of no bytes')
    this.#budget += amount
    if (this.#budget > WINDOW_BYTES) throw new RangeError('more credit than was used')
    this.#wake()
  }

  /** Handles a started frame. Throws if it is not the first one. */
  begin(started: Started): void {
    if (this.#hasStarted) throw new RangeError('a second start of a request')
    this.#hasStarted = true
    this.#begin(started)
  }

  /** Ends the exchange with the answer of the agent. */
  finish(done: Done): void {
    this.#end({ done })
  }

  /** Ends the exchange, because the container has exited. */
  lose(lost: ContainerExit): void {
    this.#end({ lost })
  }

  /**
   * Answers the caller, but not the agent: the request continues, and its output is dropped.
   */
  abandon(lost: ContainerExit): void {
    this.#onData = (stream, bytes) => this.consumed(stream, bytes.length)
    this.#answer({ lost })
  }

  #end(outcome: Outcome): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#grace?.clear()
    this.#answer(outcome)
  }

  #answer(outcome: Outcome): void {
    this.#wake()
    this.#begin(undefined)
    this.#settle(outcome)
  }

  #wake(): void {
    this.#wakeWriter?.()
    this.#wakeWriter = undefined
  }
}
