import type { ExecHandle } from 'hono-sandbox'
import type { WebSocket } from 'ws'
import { RestartTimer } from './restart-timer.js'

/**
 * The maximum input that waits for the program. If more waits, the server stops reading the client.
 */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
/** The memory that a piece of input needs besides its bytes. */
const PIECE_BYTES = 1024
/**
 * The maximum time during which the server does not read the client. In this time, the server does
 * not notice a `kill` message or a disconnect.
 */
const PAUSE_MS = 10_000

type Writer = ReturnType<ExecHandle['stdin']['getWriter']>
/** A piece of the input, or the end of the input. */
type Piece = Uint8Array | 'end'

/**
 * Keeps the input that a client has sent until the program reads it. If too much input waits,
 * pauses the socket of the client.
 */
export class Input {
  readonly #socket: WebSocket
  readonly #pauseTimer: RestartTimer
  #waiting: Piece[] = []
  #waitingBytes = 0
  #writer: Writer | undefined
  #isWriting = false

  /** `onStuck` is called if the program does not read and the socket is paused for too long. */
  constructor(socket: WebSocket, onStuck: () => void) {
    this.#socket = socket
    this.#pauseTimer = new RestartTimer(PAUSE_MS, onStuck)
  }

  /** Sets the stdin of the program. Writes the input that waits to it, and all later input. */
  attach(writer: Writer): void {
    this.#writer = writer
    if (this.#isFull) this.#pauseTimer.restart()
    void this.#write()
  }

  /** Adds input to the end of the queue. */
  push(piece: Piece): void {
    if (piece.length === 0) return
    this.#waiting.push(piece)
    this.#waitingBytes += costOf(piece)
    if (this.#isFull && !this.#socket.isPaused) {
      this.#socket.pause()
      if (this.#writer) this.#pauseTimer.restart()
    }
    void this.#write()
  }

  /** Drops the waiting input, because the program has ended or the client has disconnected. */
  stop(): void {
    this.#waiting = []
    this.#waitingBytes = 0
    this.#resume()
  }

  get #isFull(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES
  }

  async #write(): Promise<void> {
    if (!this.#writer || this.#isWriting) return
    this.#isWriting = true
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      await write(this.#writer, piece)
      this.#waitingBytes = Math.max(0, this.#waitingBytes - costOf(piece))
      if (!this.#isFull) this.#resume()
    }
    this.#isWriting = false
  }

  #resume(): void {
    this.#pauseTimer.stop()
    // A connection that is being closed must be resumed too: the close frame of the client comes
    // after its unread input.
    if (this.#socket.isPaused) this.#socket.resume()
  }
}

function costOf(piece: Piece): number {
  return PIECE_BYTES + piece.length
}

/** Writes a piece to the program. Resolves when the program can take more. */
async function write(writer: Writer, piece: Piece): Promise<void> {
  try {
    await (piece === 'end' ? writer.close() : writer.write(piece))
  } catch {
    // The program or its stdin has ended, so the piece is not needed.
  }
}
