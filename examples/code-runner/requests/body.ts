import type { IncomingMessage } from 'node:http'
import { BodyMeter, disconnected, pieceOf, STALL_MS, stalled } from './body-limits.js'
import { Refusal } from './refusal.js'
import { RestartTimer } from './restart-timer.js'

/** The maximum size of a request body that is held in memory. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/**
 * The maximum size of all bodies in memory together. A body is in memory until its handler has
 * answered.
 */
const MAX_HELD_BYTES = 256 * 1024 * 1024
/** The memory that a piece of a body needs in addition to its bytes. */
const PIECE_BYTES = 512

let heldBytes = 0

/** The body of one request. Its size counts for the limit of all bodies until `release()`. */
export class HeldBody {
  /** The memory that the body needs, including the cost of its pieces. */
  #heldBytes = 0

  /**
   * Reads the body of a request and passes each piece to `take` when it arrives. Node's
   * `requestTimeout` limits the time of the whole body.
   *
   * Does not use the web stream of the request, in which small chunks cost far more time.
   *
   * @throws Refusal if the body is larger than `maxBytes`, arrives in tiny chunks or stalls, or if
   * all bodies together exceed their limit.
   * @throws Error the error that `take` throws; `ECONNRESET` if the client disconnects.
   */
  read(
    incoming: IncomingMessage,
    take: (piece: Buffer) => void,
    maxBytes = MAX_BODY_BYTES,
  ): Promise<void> {
    const meter = new BodyMeter(incoming, maxBytes)
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
          this.#hold(piece.length)
          meter.count(piece)
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

  #hold(bytes: number): void {
    this.#heldBytes += bytes + PIECE_BYTES
    heldBytes += bytes + PIECE_BYTES
    if (heldBytes > MAX_HELD_BYTES) throw noRoom()
  }
}

/**
 * Reads the body of a request as text.
 *
 * @throws the errors of `HeldBody.read()`.
 */
export async function readText(
  body: HeldBody,
  incoming: IncomingMessage,
  maxBytes?: number,
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  const take = (piece: Buffer) => {
    text += decoder.decode(piece, { stream: true })
  }
  await body.read(incoming, take, maxBytes)
  return text + decoder.decode()
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

function noRoom(): Refusal {
  const message = 'too many large requests at once: try again later'
  return new Refusal(503, 'BUSY', message, { 'Retry-After': '1' })
}
