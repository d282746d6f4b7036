import type { IncomingMessage } from 'node:http'
import { RestartTimer } from './restart-timer.js'
import { BadRequest, Refusal } from './refusal.js'

/** The maximum size of a request body. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/**
 * The maximum time between two pieces of an upload. Node's `requestTimeout` limits the time of the
 * whole upload.
 */
const STALL_MS = 10_000
/**
 * The maximum size of all bodies in memory together. A body is in memory until its handler has
 * answered.
 */
const MAX_HELD_BYTES = 256 * 1024 * 1024
/** The memory that a piece of a body needs besides its bytes. */
const PIECE_BYTES = 512
/**
 * The maximum size of a body on the wire is twice its own size plus this. A chunk of one byte takes
 * as much time as a large chunk, so a body of tiny chunks would take the time of other requests.
 */
const WIRE_OVERHEAD_BYTES = 128 * 1024

let heldBytes = 0

/** The body of one request. Its size counts for the limit of all bodies until `release()`. */
export class HeldBody {
  #bytes = 0
  /** The memory that the body needs, including the cost of its pieces. */
  #heldBytes = 0

  /**
   * Reads the body of a request and passes each piece to `take` when it arrives.
   *
   * Does not use the web stream of the request, in which small chunks cost far more time.
   *
   * @throws Refusal if the body is too large, arrives in tiny chunks or stalls, or if all bodies
   * together exceed their limit.
   * @throws Error the error that `take` throws; `ECONNRESET` if the client disconnects.
   */
  read(incoming: IncomingMessage, take: (piece: Buffer) => void): Promise<void> {
    if (Number(incoming.headers['content-length']) > MAX_BODY_BYTES) throw tooLarge()
    const { socket } = incoming
    const wireBefore = socket.bytesRead
    return new Promise((resolve, reject) => {
      let isOver = false
      const settle = (outcome: () => void) => {
        isOver = true
        stallTimer.stop()
        outcome()
      }
      const onError = (error: unknown) => settle(() => reject(error))
      const stallTimer = new RestartTimer(STALL_MS, () => onError(stalled()))
      const readPiece = () => {
        const piece = pieceOf(incoming)
        if (!piece || isOver) return
        stallTimer.restart()
        try {
          this.#count(piece.length, socket.bytesRead - wireBefore)
          take(piece)
        } catch (error) {
          onError(error)
        }
      }
      // Read once in each turn of the event loop: the bytes that have arrived by then are one
      // piece, and Node reads no more from the socket before that. After a refusal, the rest of the
      // body is read and ignored in the same way, until the connection is closed.
      incoming.on('readable', () => setImmediate(readPiece))
      incoming.once('end', () => settle(resolve)).once('error', onError)
      incoming.once('close', () => onError(disconnected()))
      stallTimer.restart()
      if (incoming.destroyed) onError(disconnected())
    })
  }

  /** Stops counting the body for the limit of all bodies. */
  release(): void {
    heldBytes -= this.#heldBytes
    this.#heldBytes = 0
  }

  #count(bytes: number, wireBytes: number): void {
    this.#bytes += bytes
    this.#heldBytes += bytes + PIECE_BYTES
    heldBytes += bytes + PIECE_BYTES
    if (this.#bytes > MAX_BODY_BYTES) throw tooLarge()
    if (heldBytes > MAX_HELD_BYTES) throw noRoom()
    if (wireBytes > 2 * this.#bytes + WIRE_OVERHEAD_BYTES) {
      throw new BadRequest('the chunks of the body are too small: send larger chunks')
    }
  }
}

/**
 * Reads and ignores a body that no handler has read. node-server would read it without a pause, so
 * millions of tiny chunks would block the event loop. With this function, Node reads one buffer in
 * each turn of the event loop, until node-server closes the connection.
 */
export function discardBody(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.listenerCount('readable') > 0) return
  incoming.on('readable', () => setImmediate(() => incoming.read()))
  // Start to read now: if nothing has started to read the body, Node itself drains it without a
  // pause after the response.
  incoming.read(0)
}

function disconnected(): Error {
  return Object.assign(new Error('the client disconnected'), { code: 'ECONNRESET' })
}

function pieceOf(incoming: IncomingMessage): Buffer | undefined {
  const piece: unknown = incoming.read()
  return Buffer.isBuffer(piece) ? piece : undefined
}

function tooLarge(): Refusal {
  const message = `the body is longer than ${MAX_BODY_BYTES} bytes`
  return new Refusal(413, 'BODY_TOO_LARGE', message)
}

function stalled(): Refusal {
  const message = `no bytes of the body arrived for ${STALL_MS / 1000} seconds: send the request again`
  return new Refusal(408, 'BODY_TIMEOUT', message)
}

function noRoom(): Refusal {
  return new Refusal(503, 'BUSY', 'too many large requests at once: try again later')
}
