import type { IncomingMessage } from 'node:http'
import { BadRequest, Refusal } from './refusal.js'

/** The maximum time between two pieces of a body. */
export const STALL_MS = 10_000
/**
 * The maximum size of a body on the wire is twice its own size plus this. A chunk of one byte takes
 * as much time as a large chunk, so a body of tiny chunks would take the time of other requests.
 */
const WIRE_OVERHEAD_BYTES = 128 * 1024

/** Counts the pieces of a body, and refuses a body that is too large or has tiny chunks. */
export class BodyMeter {
  readonly #incoming: IncomingMessage
  readonly #maxBytes: number
  readonly #wireBefore: number
  #bytes = 0

  /** @throws Refusal if the header `Content-Length` exceeds the limit. */
  constructor(incoming: IncomingMessage, maxBytes: number) {
    this.#incoming = incoming
    this.#maxBytes = maxBytes
    this.#wireBefore = incoming.socket.bytesRead
    if (Number(incoming.headers['content-length']) > maxBytes) throw this.#tooLarge()
  }

  /** @throws Refusal if the body exceeds a limit with this piece. */
  count(piece: Buffer): void {
    this.#bytes += piece.length
    if (this.#bytes > this.#maxBytes) throw this.#tooLarge()
    const wireBytes = this.#incoming.socket.bytesRead - this.#wireBefore
    if (wireBytes > 2 * this.#bytes + WIRE_OVERHEAD_BYTES) {
      throw new BadRequest('the chunks of the body are too small: send larger chunks')
    }
  }

  #tooLarge(): Refusal {
    return new Refusal(413, 'BODY_TOO_LARGE', `the body is longer than ${this.#maxBytes} bytes`)
  }
}

/** Reads the bytes of a body that have arrived; `undefined` if there are none. */
export function pieceOf(incoming: IncomingMessage): Buffer | undefined {
  const piece: unknown = incoming.read()
  return Buffer.isBuffer(piece) ? piece : undefined
}

export function disconnected(): Error {
  return Object.assign(new Error('the client disconnected'), { code: 'ECONNRESET' })
}

export function stalled(): Refusal {
  const message = `no bytes of the body arrived for ${STALL_MS / 1000} seconds: send the request again`
  // The rest of the body may never arrive, so the connection cannot be used again.
  return new Refusal(408, 'BODY_TIMEOUT', message, { Connection: 'close' })
}
