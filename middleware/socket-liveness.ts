import type { Connection } from './socket-connection.js'
import { send } from './socket-connection.js'

/** The number of heartbeats without an answer after which a client is lost. */
const MAX_UNANSWERED = 3

/**
 * Sends heartbeats to a client that answers them, and ends its connection if it does not: a broken
 * network closes no connection. Without heartbeats, the client could not notice it either.
 */
export class Liveness {
  /** The time between two heartbeats, in milliseconds. */
  static readonly HEARTBEAT_MS = 15_000
  readonly #connection: Connection
  readonly #timer: NodeJS.Timeout
  #unanswered = 0

  constructor(connection: Connection) {
    this.#connection = connection
    this.#timer = setInterval(() => this.#beat(), Liveness.HEARTBEAT_MS)
  }

  /** Notes that a message has arrived. */
  heard(): void {
    this.#unanswered = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    // While the server does not read the connection, it does not get the answers.
    if (!this.#connection.isPaused) this.#unanswered++
    if (this.#unanswered > MAX_UNANSWERED) return this.#connection.terminate()
    void send(this.#connection, '{"type":"heartbeat"}')
  }
}
