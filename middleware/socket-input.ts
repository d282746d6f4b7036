import type { ExecHandle } from '../src/sandbox/program/handle.js'
import type { DeadlineTimer } from '../src/util/deadline.js'
import { setDeadline } from '../src/util/deadline.js'

/**
 * The maximum input that waits for the program. If more waits, the server stops reading the client.
 */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
/** The memory that a piece of input needs in addition to its bytes. */
const PIECE_BYTES = 1024
/**
 * The maximum time during which the server does not read the client. In this time, the server does
 * not notice a `kill` message or a disconnect.
 */
const PAUSE_MS = 10_000

type Writer = ReturnType<ExecHandle['stdin']['getWriter']>
/** A piece of the input, or the end of the input. */
type Piece = Uint8Array | 'end'

/** The functions that stop and continue to read the client. */
interface Flow {
  pause: () => void
  resume: () => void
  /** Called if the program does not read and the client is paused for too long. */
  onStuck: () => void
}

/**
 * Keeps the input that a client has sent until the program reads it. If too much input waits,
 * pauses the client.
 */
export class SocketInput {
  readonly #flow: Flow
  #pauseTimer: DeadlineTimer | undefined
  #waiting: Piece[] = []
  #waitingBytes = 0
  #writer: Writer | undefined
  #isWriting = false

  constructor(flow: Flow) {
    this.#flow = flow
  }

  /** Whether so much input waits that the client is paused. */
  get isFull(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES
  }

  /** Sets the stdin of the program. Writes the input that waits to it, and all later input. */
  attach(writer: Writer): void {
    this.#writer = writer
    if (this.isFull) this.#startTimer()
    void this.#write()
  }

  /** Adds input to the end of the queue. */
  push(piece: Piece): void {
    if (piece.length === 0) return
    const wasFull = this.isFull
    this.#waiting.push(piece)
    this.#waitingBytes += costOf(piece)
    if (this.isFull && !wasFull) {
      this.#flow.pause()
      if (this.#writer) this.#startTimer()
    }
    void this.#write()
  }

  /** Drops the waiting input, because the program has ended or the client has disconnected. */
  stop(): void {
    this.#waiting = []
    this.#waitingBytes = 0
    this.#resume()
  }

  async #write(): Promise<void> {
    if (!this.#writer || this.#isWriting) return
    this.#isWriting = true
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      await write(this.#writer, piece)
      this.#waitingBytes = Math.max(0, this.#waitingBytes - costOf(piece))
      if (!this.isFull) this.#resume()
    }
    this.#isWriting = false
  }

  #startTimer(): void {
    this.#pauseTimer?.clear()
    this.#pauseTimer = setDeadline(PAUSE_MS, this.#flow.onStuck)
  }

  #resume(): void {
    this.#pauseTimer?.clear()
    // A connection that is being closed must be resumed too: the close frame of the client comes
    // after its unread input.
    this.#flow.resume()
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
