import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'

const MESSAGE_MS = 20_000
const TICK_MS = 1000
/** Of a ping or a pong from a client, beside its data. */
const CONTROL_HEADER_BYTES = 6

/**
 * Tells when a message has begun and does not end. No event tells its beginning, so this counts the
 * bytes since the last message. It does not see a beginning that came in one packet with the message
 * before, and nothing after it: that holds less than 64 KiB, until the conversation is over.
 */
export class MessageClock {
  readonly #websocket: WebSocket
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  readonly #onLate: () => void
  #accountedBytes: number
  #begunAt: number | undefined

  constructor(websocket: WebSocket, socket: Socket, onLate: () => void) {
    this.#websocket = websocket
    this.#socket = socket
    this.#onLate = onLate
    this.#accountedBytes = socket.bytesRead
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    const control = (data: Buffer) => {
      this.#accountedBytes += data.length + CONTROL_HEADER_BYTES
    }
    websocket.on('ping', control).on('pong', control)
  }

  /** A whole message has come. */
  message(): void {
    this.#accountedBytes = this.#socket.bytesRead
    this.#begunAt = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    // While the server does not read, the client cannot finish.
    const isBegun = this.#socket.bytesRead > this.#accountedBytes && !this.#websocket.isPaused
    if (!isBegun) this.#begunAt = undefined
    else this.#begunAt ??= performance.now()
    if (this.#begunAt === undefined || performance.now() - this.#begunAt < MESSAGE_MS) return
    this.stop()
    this.#onLate()
  }
}
