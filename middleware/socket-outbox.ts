import { spend } from '../src/util/loop-turn.js'
import { deferred } from '../src/util/deferred.js'
import type { Connection } from './socket-connection.js'
import { send } from './socket-connection.js'
import type { StreamEvent } from './stream-event.js'

/** Sends the events of a run to its client. */
export interface Outbox {
  /** Sends an event. Resolves when the program may make the next one. */
  push(event: StreamEvent): Promise<void>
  /** Notes that the client has the events up to a number. */
  acknowledge(seq: number): void
  /** Closes the connection after the last event. */
  finish(code: number): void
  /** Lets every `push()` resolve, because no event is needed any more. */
  stop(): void
}

/** The outbox of a run that ends with its connection. A client that reads slowly slows the program. */
export class DirectOutbox implements Outbox {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  push(event: StreamEvent): Promise<void> {
    return send(this.#connection, encode(event))
  }

  acknowledge(): void {
    // These events have no numbers.
  }

  finish(code: number): void {
    this.#connection.close(code)
  }

  stop(): void {
    // The connection resolves every send when it closes.
  }
}

/** The size of the unacknowledged events at which the program waits, in characters. */
const WINDOW = 1024 * 1024
/** The memory that an event needs in addition to its text. */
const EVENT_COST = 1024

/**
 * The outbox of a run that can be resumed. Each event has a number, and is kept until the client
 * acknowledges it. So a client that connects again gets every event once, and no event is dropped:
 * if the client does not acknowledge, the program waits.
 */
export class NumberedOutbox implements Outbox {
  #connection: Connection | undefined
  #kept: { seq: number; text: string }[] = []
  #cost = 0
  #last = 0
  #acknowledged = 0
  #room = deferred<void>()
  #isStopped = false
  #code: number | undefined

  push(event: StreamEvent): Promise<void> {
    const seq = ++this.#last
    const text = encode({ seq, ...event })
    this.#kept.push({ seq, text })
    this.#cost += text.length + EVENT_COST
    this.#send(text)
    if (this.#cost < WINDOW || this.#isStopped) return Promise.resolve()
    return this.#room.promise
  }

  acknowledge(seq: number): void {
    while (this.#kept[0] && this.#kept[0].seq <= seq) {
      this.#acknowledged = this.#kept[0].seq
      this.#cost -= this.#kept[0].text.length + EVENT_COST
      this.#kept.shift()
    }
    if (this.#cost < WINDOW) this.#makeRoom()
  }

  /** Whether the events after a number are all there. */
  has(after: number): boolean {
    return after >= this.#acknowledged && after <= this.#last
  }

  /** Sends the events after a number to a new connection, and all later events. */
  attach(connection: Connection, after: number): void {
    this.acknowledge(after)
    this.#connection = connection
    for (const { text } of this.#kept) this.#send(text)
    if (this.#code !== undefined) connection.close(this.#code)
  }

  detach(): void {
    this.#connection = undefined
  }

  finish(code: number): void {
    this.#code = code
    this.#connection?.close(code)
  }

  stop(): void {
    this.#isStopped = true
    this.#makeRoom()
  }

  #send(text: string): void {
    if (this.#connection) void send(this.#connection, text)
  }

  #makeRoom(): void {
    this.#room.resolve()
    this.#room = deferred<void>()
  }
}

function encode(event: object): string {
  const began = performance.now()
  const text = JSON.stringify(event)
  spend(began)
  return text
}
