import type { ContainerExit } from '../engine/engine.js'
import type { DeadlineTimer } from '../util/deadline.js'
import { setDeadline } from '../util/deadline.js'
import { deferred } from '../util/deferred.js'
import type { Done, Started } from './protocol.js'
import { CHUNK_BYTES, Kind, Stream, WINDOW_BYTES } from './protocol.js'

/** How an exchange ended: the agent's answer, or the container's end. */
export type Outcome = { done: Done } | { lost: ContainerExit }

/** How an exchange reaches its container. */
export interface Wire {
  send: (kind: number, ...parts: Uint8Array[]) => void
  /** Ends the container, whose agent does not answer. Its exchanges are lost at once. */
  kill: () => Promise<void>
}

/**
 * How long a request may take to end after SIGINT, and then after SIGKILL. A call is answered within
 * a second of its deadline, so the sum is less than that.
 */
const INTERRUPT_GRACE_MS = 500
export const KILL_GRACE_MS = 400

/** One request and its streams, with credit both ways. Made by a `Channel`. */
export class Exchange {
  /** Settles once; never rejects. */
  readonly outcome: Promise<Outcome>
  /** What the agent says once it has begun; `undefined` where it ends without. Never rejects. */
  readonly started: Promise<Started | undefined>
  readonly #settle: (outcome: Outcome) => void
  readonly #begin: (started: Started | undefined) => void
  readonly #onData: (stream: number, bytes: Buffer) => void
  readonly #wire: Wire
  /** What the agent may still send, by stream. */
  readonly #allowed = new Map<number, number>([
    [Stream.stdout, WINDOW_BYTES],
    [Stream.stderr, WINDOW_BYTES],
    [Stream.records, WINDOW_BYTES],
  ])
  readonly #uncredited = new Map<number, number>()
  #budget = WINDOW_BYTES
  #over = false
  #isStopped = false
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

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#over
  }

  /** Sends to the program's stdin, as fast as it reads. Resolves early when the program is over. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#over;) {
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

  /** The program's stdin is over. */
  end(): void {
    if (!this.#over) this.#wire.send(Kind.eof)
  }

  /** Signals the program and what descends from it; a file request stops. */
  signal(name: string): void {
    if (!this.#over) this.#wire.send(Kind.signal, Buffer.from(name))
  }

  /** Asks it to stop where it is. If it does not within the grace period, it is stopped for good. */
  interrupt(): void {
    if (this.#over || this.#grace) return
    this.signal('SIGINT')
    this.#grace = setDeadline(INTERRUPT_GRACE_MS, () => this.stop('SIGKILL'))
  }

  /**
   * Signals it for good. If the agent does not confirm the end within the grace period, the container
   * is killed.
   */
  stop(name: 'SIGKILL' | 'SIGTERM'): void {
    if (this.#over || this.#isStopped) return
    this.#isStopped = true
    this.#grace?.clear()
    this.signal(name)
    this.#grace = setDeadline(KILL_GRACE_MS, () => void this.#wire.kill().catch(() => {}))
  }

  /** Stops the request for good when a signal aborts. Gives the function that ends the listening. */
  stopOn(signal: AbortSignal | undefined): () => void {
    const stop = () => this.stop('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    return () => signal?.removeEventListener('abort', stop)
  }

  /** So many bytes of a stream were dealt with: the agent may send as many more. */
  consumed(stream: number, bytes: number): void {
    const uncredited = (this.#uncredited.get(stream) ?? 0) + bytes
    // Credit is given in large amounts: a short run costs no credit frame at all.
    const isDue = uncredited >= WINDOW_BYTES / 2
    this.#uncredited.set(stream, isDue ? 0 : uncredited)
    if (!isDue || this.#over) return
    this.#allowed.set(stream, (this.#allowed.get(stream) ?? 0) + uncredited)
    const amount = Buffer.alloc(5)
    amount[0] = stream
    amount.writeUInt32BE(uncredited, 1)
    this.#wire.send(Kind.credit, amount)
  }

  takeData(payload: Buffer): void {
    if (this.#over) return // it was given up
    const stream = payload.readUInt8(0)
    const bytes = payload.subarray(1)
    const allowed = (this.#allowed.get(stream) ?? 0) - bytes.length
    if (allowed < 0) throw new RangeError(`data past the credit of stream ${stream}`)
    this.#allowed.set(stream, allowed)
    this.#onData(stream, bytes)
  }

  takeCredit(payload: Buffer): void {
    this.#budget += payload.readUInt32BE(1)
    if (this.#budget > WINDOW_BYTES) throw new RangeError('more credit than was used')
    this.#wake()
  }

  begin(started: Started): void {
    this.#begin(started)
  }

  finish(done: Done): void {
    this.#end({ done })
  }

  lose(lost: ContainerExit): void {
    this.#end({ lost })
  }

  #end(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    this.#grace?.clear()
    this.#wake()
    this.#begin(undefined)
    this.#settle(outcome)
  }

  #wake(): void {
    this.#wakeWriter?.()
    this.#wakeWriter = undefined
  }
}
