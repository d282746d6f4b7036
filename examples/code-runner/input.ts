import type { ExecHandle } from 'hono-sandbox'
import type { WebSocket } from 'ws'
import { RestartTimer } from './restart-timer.js'

/** What may wait for the program. Beyond it the client is not read. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
/** What a piece costs in memory beside its bytes. */
const PIECE_BYTES = 1024
/** For how long a client may not be read. A `kill`, or that it leaves, is not seen in this time. */
const PAUSE_MS = 10_000

type Writer = ReturnType<ExecHandle['stdin']['getWriter']>
/** What the program is to read, or the end of it. */
type Piece = Uint8Array | 'end'

/** What a client has sent for a program's stdin, in order, until the program reads it. */
export class Input {
  readonly #socket: WebSocket
  readonly #pauseTimer: RestartTimer
  #waiting: Piece[] = []
  #waitingBytes = 0
  #writer: Writer | undefined
  #isWriting = false

  /** `onStuck` is called if the client could not be read for too long, because the program does not read. */
  constructor(socket: WebSocket, onStuck: () => void) {
    this.#socket = socket
    this.#pauseTimer = new RestartTimer(PAUSE_MS, onStuck)
  }

  /** The program runs: it gets what has come so far, and what will come. */
  attach(writer: Writer): void {
    this.#writer = writer
    if (this.#isFull) this.#pauseTimer.restart()
    void this.#write()
  }

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

  /** Drops what waits: the program is over, or the client has left. */
  stop(): void {
    this.#waiting = []
    this.#waitingBytes = 0
    this.#goOn()
  }

  get #isFull(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES
  }

  async #write(): Promise<void> {
    if (!this.#writer || this.#isWriting) return
    this.#isWriting = true
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      await put(this.#writer, piece)
      this.#waitingBytes = Math.max(0, this.#waitingBytes - costOf(piece))
      if (!this.#isFull) this.#goOn()
    }
    this.#isWriting = false
  }

  #goOn(): void {
    this.#pauseTimer.stop()
    // A connection that closes must be read too: the client's close comes after its unread input.
    if (this.#socket.isPaused) this.#socket.resume()
  }
}

function costOf(piece: Piece): number {
  return PIECE_BYTES + piece.length
}

/** Resolves when the program has room for more. */
async function put(writer: Writer, piece: Piece): Promise<void> {
  try {
    await (piece === 'end' ? writer.close() : writer.write(piece))
  } catch {
    // The program, or its input, is over: nobody reads this, and nothing is lost.
  }
}
