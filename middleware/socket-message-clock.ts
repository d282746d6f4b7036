import type { Socket } from 'node:net'
import type { Connection } from './socket-connection.js'

/** The time limit of one message, from its first byte to its end. */
const MESSAGE_MS = 20_000
const TICK_MS = 1000
/** The size of a ping or pong frame from a client, without its data. */
const CONTROL_HEADER_BYTES = 6

/**
 * Calls `onLate` if a WebSocket message has started but does not end in time. There is no event for
 * the start of a message, so this counts the bytes that arrived after the last message. It does not
 * notice the start of a message that came in the same packet as the end of the previous message, if
 * no more bytes follow. Such a start needs less than 64 KiB of memory, until the conversation ends.
 */
export class MessageClock {
  readonly #websocket: Connection
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  readonly #onLate: () => void
  /** The bytes of the connection that belong to complete messages and control frames. */
  #accountedBytes: number
  #begunAt: number | undefined

  constructor(websocket: Connection, socket: Socket, onLate: () => void) {
    this.#websocket = websocket
    this.#socket = socket
    this.#onLate = onLate
    this.#accountedBytes = socket.bytesRead
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    const control = (data: Buffer) => {
      this.#accountedBytes += data.length + CONTROL_HEADER_BYTES
    }
    websocket.on('ping', control)
    websocket.on('pong', control)
  }

  /** Notes that a complete message has arrived. */
  message(): void {
    this.#accountedBytes = this.#socket.bytesRead
    this.#begunAt = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    // While the server does not read the socket, the client cannot finish its message.
    const isBegun = this.#socket.bytesRead > this.#accountedBytes && !this.#websocket.isPaused
    if (!isBegun) this.#begunAt = undefined
    else this.#begunAt ??= performance.now()
    if (this.#begunAt === undefined || performance.now() - this.#begunAt < MESSAGE_MS) return
    this.stop()
    this.#onLate()
  }
}
