import type { IncomingMessage } from 'node:http'
import { RestartTimer } from './restart-timer.js'
import { BadRequest, Refusal } from './refusal.js'

/** How large the body of a request may be. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** How long an upload may send nothing. Node's `requestTimeout` bounds the whole of it. */
const STALL_MS = 10_000
/** How much of all bodies together is held at a time, until their handlers have answered. */
const MAX_HELD_BYTES = 256 * 1024 * 1024
/** What a piece costs in memory beside its bytes. */
const PIECE_BYTES = 512
/**
 * A body may be twice as long on the wire, and this much longer. A chunk of one byte takes as long as one
 * of many: a body of such chunks would take the time of the others.
 */
const SLACK_BYTES = 128 * 1024

let heldBytes = 0

/** Counts one request's body among those that are held; `release()` takes it off again. */
export class HeldBody {
  #bytes = 0
  /** With what its pieces cost. */
  #heldBytes = 0

  /**
   * Reads a body as it comes.
   *
   * It does not use the web stream of the request, in which small chunks cost far more.
   *
   * @throws Refusal if the body is too large, comes in tiny chunks, stalls, or there is no room for it.
   * @throws Error what `take` throws; `ECONNRESET` if the client leaves.
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
      // Once a turn: what has come until then is one piece, and Node reads no more before that. What
      // follows a body that was refused is read in the same way, until the connection is closed.
      incoming.on('readable', () => setImmediate(readPiece))
      incoming.once('end', () => settle(resolve)).once('error', onError)
      incoming.once('close', () => onError(clientGone()))
      stallTimer.restart()
      if (incoming.destroyed) onError(clientGone())
    })
  }

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
    if (wireBytes > 2 * this.#bytes + SLACK_BYTES) {
      throw new BadRequest('the body comes in chunks that are too small: send larger ones')
    }
  }
}

/**
 * Lets go of a body that no handler has read. node-server would read it without a pause, and millions of
 * tiny chunks then hold the event loop. Like this Node stops at its buffer and goes on in the next turn,
 * until node-server closes the connection.
 */
export function discardBody(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.listenerCount('readable') > 0) return
  incoming.on('readable', () => setImmediate(() => incoming.read()))
  incoming.read(0) // at once: Node dumps a body that nobody has begun to read when the answer is out
}

function clientGone(): Error {
  return Object.assign(new Error('the client has left'), { code: 'ECONNRESET' })
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
