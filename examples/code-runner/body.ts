import type { IncomingMessage } from 'node:http'
import { Patience } from './patience.js'
import { BadRequest, Refusal } from './refusal.js'

/** How large the body of a request may be. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** How long an upload may send nothing. Node's `requestTimeout` bounds the whole of it. */
const STALL_MS = 10_000
/** How much of all bodies together is held at a time, while it comes, waits and runs. */
const MAX_HELD_BYTES = 256 * 1024 * 1024
/** A chunk takes the same time whatever its size: a long body in tiny ones would hold up the others. */
const MIN_AVERAGE_BYTES = 16
const PIECES_WITHOUT_AVERAGE = 1000

let heldBytes = 0

/** Counts one request's body among those that are held; `release()` takes it off again. */
export class HeldBody {
  #bytes = 0
  #pieces = 0

  /**
   * Reads a body as it comes.
   *
   * Not as a web stream: chunks of one byte each, which a client may send, cost it far more.
   *
   * @throws Refusal if the body is too large, comes in tiny chunks, stalls, or there is no room for it.
   * @throws Error what `take` throws; `ECONNRESET` if the client leaves.
   */
  read(incoming: IncomingMessage, take: (piece: Buffer) => void): Promise<void> {
    if (Number(incoming.headers['content-length']) > MAX_BODY_BYTES) throw tooLarge()
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        patience.stop()
        incoming.off('readable', onReadable).off('end', onEnd).off('close', onClose)
        incoming.off('error', onError)
        outcome()
      }
      const onError = (error: unknown) => settle(() => reject(error))
      const onEnd = () => settle(resolve)
      const onClose = () => onError(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
      const onReadable = () => {
        patience.restart()
        try {
          for (let piece = pieceOf(incoming); piece; piece = pieceOf(incoming)) {
            this.#count(piece.length)
            take(piece)
          }
        } catch (error) {
          onError(error)
        }
      }
      const patience = new Patience(STALL_MS, () => onError(stalled()))
      patience.restart()
      incoming.on('readable', onReadable).on('end', onEnd).on('close', onClose)
      incoming.on('error', onError)
      if (incoming.destroyed) onClose()
    })
  }

  release(): void {
    heldBytes -= this.#bytes
    this.#bytes = 0
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#pieces++
    heldBytes += bytes
    const isTiny = this.#bytes < this.#pieces * MIN_AVERAGE_BYTES
    if (isTiny && this.#pieces > PIECES_WITHOUT_AVERAGE) {
      throw new BadRequest('the body comes in chunks that are too small: send larger ones')
    }
    if (this.#bytes > MAX_BODY_BYTES) throw tooLarge()
    if (heldBytes > MAX_HELD_BYTES) throw noRoom()
  }
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
  const message = `nothing of the body came for ${STALL_MS / 1000} seconds: send it again`
  return new Refusal(408, 'BODY_TIMEOUT', message)
}

function noRoom(): Refusal {
  return new Refusal(503, 'BUSY', 'too many large requests at a time: try again later')
}
