import type { Done, Started } from '../agent/protocol.js'
import { CHUNK_BYTES, Kind, WINDOW_BYTES } from '../agent/protocol.js'
import { deferred } from '../util/deferred.js'

/** Sends a frame of one request to the host. */
type Send = (kind: number, ...parts: Uint8Array[]) => void

/**
 * The agent's end of one request. It sends only as many bytes as the host has granted credit for.
 */
export class AgentExchange {
  readonly #send: Send
  readonly #credit = new Map<number, number>()
  readonly #over = new AbortController()
  #more = deferred<void>()

  constructor(send: Send) {
    this.#send = send
  }

  /** Aborts when the request is over. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  get isOver(): boolean {
    return this.over.aborted
  }

  started(value: Started): void {
    this.#send(Kind.started, json(value))
  }

  /** Sends bytes of a stream. Waits for credit, and gives up when the request is over. */
  async write(stream: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.isOver;) {
      const credit = this.#credit.get(stream) ?? WINDOW_BYTES
      const part = bytes.subarray(at, at + Math.min(CHUNK_BYTES, credit))
      at += part.length
      this.#credit.set(stream, credit - part.length)
      if (part.length > 0) this.#send(Kind.data, Uint8Array.of(stream), part)
      else await this.#more.promise
    }
  }

  /** Takes a credit frame of the host. */
  addCredit(payload: Buffer): void {
    const stream = payload.readUInt8(0)
    const credit = this.#credit.get(stream) ?? WINDOW_BYTES
    this.#credit.set(stream, credit + payload.readUInt32BE(1))
    this.#wake()
  }

  /** Tells the host that bytes of stdin were read. */
  consumed(stream: number, bytes: number): void {
    const payload = Buffer.alloc(5)
    payload.writeUInt8(stream)
    payload.writeUInt32BE(bytes, 1)
    this.#send(Kind.credit, payload)
  }

  /** Ends the request. Further calls do nothing. */
  finish(done: Done): void {
    if (this.isOver) return
    this.#send(Kind.done, json(done))
    this.abandon()
  }

  /** Ends the request without an answer, because the container exits. */
  abandon(): void {
    this.#over.abort()
    this.#wake()
  }

  #wake(): void {
    const more = this.#more
    this.#more = deferred()
    more.resolve()
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
