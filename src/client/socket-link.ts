import { deferred } from '../util/deferred.js'
import { cut, SandboxClientError } from './client-error.js'
import type { RunEvent } from './event.js'
import { isLast, isRunEvent, parseEvent } from './event.js'
import type { WebSocketLike } from './web-socket.js'
import { onFreeze } from './web-socket.js'

/** The size of the events after which the client acknowledges them, in characters. */
const ACK_SIZE = 65_536
const EVENT_SIZE = 1024
/** The longest pause between two attempts to connect, in milliseconds. */
const MAX_PAUSE_MS = 2000
/** The close codes of a lost connection. With any other code, the server has ended the run. */
const LOST = new Set([1001, 1005, 1006, 1012, 1013, 1014])

/** The close code of a connection that was not closed, but lost. */
const NO_CLOSE = 1006
/** The close code of a client that leaves. */
const LEAVE = 1000
/** The close code of a client that connects again. */
const COME_BACK = 4000

type Data = string | Uint8Array<ArrayBuffer>
type Message = { type?: unknown } & Partial<Record<'run', string>> &
  Partial<Record<'seq' | 'received' | 'keepMs' | 'heartbeatMs', number>>

/**
 * A conversation with `websocketSandbox()` over one or more connections. Events and messages have
 * numbers, so after a lost connection each side sends what the other one lacks, and nothing twice.
 */
export class SocketLink {
  readonly #open: () => WebSocketLike
  readonly #onEnd: () => void
  readonly #stopListening = onFreeze(() => this.#lose())
  #socket: WebSocketLike | undefined
  /** The id of the run. The program is sent after the server has sent the id. */
  #run: string | undefined
  #keepMs = 0
  #heartbeatMs = 5000
  /** Whether the server is ready for messages on this connection. */
  #isReady = false
  #lostAt: number | undefined
  #attempts = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The messages that the server has not confirmed, and the number of those that it has. */
  #sent: { data: Data; confirmed: ReturnType<typeof deferred<void>> }[] = []
  #confirmed = 0
  #events: { event: RunEvent | undefined; seq: number; size: number }[] = []
  #seq = 0
  #readSeq = 0
  #readSize = 0
  #wake = () => {}
  #end: { error?: unknown } | undefined

  constructor(open: () => WebSocketLike, onEnd: () => void) {
    this.#open = open
    this.#onEnd = onEnd
    this.#connect()
  }

  /** Sends a message. Resolves when the server has it, or when the run has ended. */
  send(data: Data): Promise<void> {
    const confirmed = deferred<void>()
    confirmed.promise.catch(() => {})
    if (this.#end) confirmed.resolve()
    else this.#sent.push({ data, confirmed })
    if (this.#isReady) this.#socket?.send(data)
    return confirmed.promise
  }

  /** Yields the events, up to the last one. */
  async *events(): AsyncGenerator<RunEvent, void, undefined> {
    try {
      for (;;) {
        const next = this.#events.shift()
        if (next) {
          this.#acknowledge(next)
          if (next.event) yield next.event
        } else if (!this.#end) {
          await new Promise<void>((resolve) => (this.#wake = resolve))
        } else if ('error' in this.#end) throw this.#end.error
        else return
      }
    } finally {
      this.end({ error: cut('the loop has ended before the program') })
    }
  }

  /** Ends the conversation. The server ends the program, unless it has ended. */
  end(end: { error?: unknown }): void {
    if (this.#end) return
    this.#end = end
    this.#onEnd()
    this.#stopListening()
    this.#drop(LEAVE)
    for (const { confirmed } of this.#sent) {
      if ('error' in end) confirmed.reject(end.error)
      else confirmed.resolve()
    }
    this.#wake()
  }

  #connect(): void {
    this.#attempt(() => {
      const socket = this.#open()
      this.#socket = socket
      this.#watch()
      const ofCurrent = (then: () => void) => {
        if (socket === this.#socket) this.#attempt(then)
      }
      socket.addEventListener('open', () => ofCurrent(() => socket.send(this.#opening)))
      socket.addEventListener('message', ({ data }) => ofCurrent(() => this.#take(String(data))))
      socket.addEventListener('error', () => {
        // Followed by `close` with its code, but not if the policy of a page forbids the connection.
        if (!this.#isReady) ofCurrent(() => this.#lose())
      })
      socket.addEventListener('close', ({ code }) => ofCurrent(() => this.#lose(code)))
    })
  }

  /** Does a step, and ends the conversation if it fails. */
  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.end({ error })
    }
  }

  get #opening(): string {
    const run = this.#run
    return JSON.stringify(run ? { type: 'resume', run, after: this.#seq } : { type: 'open' })
  }

  #take(text: string): void {
    this.#watch()
    const message: Message = Object(parseEvent(text))
    const { seq = this.#seq + 1, received, ...event } = message
    const { type } = event
    if (type === 'open' || type === 'resume') this.#begin(message)
    else if (type === 'ack') this.#confirm(received)
    else if (type === 'heartbeat') this.#say({ type: 'ack', seq: this.#readSeq })
    else this.#push(isRunEvent(event) ? event : undefined, seq, text.length)
  }

  #begin({ run = this.#run, keepMs = 0, heartbeatMs = 0, received }: Message): void {
    this.#run = run
    this.#keepMs = keepMs
    this.#heartbeatMs = heartbeatMs
    this.#isReady = true
    this.#lostAt = undefined
    this.#attempts = 0
    this.#confirm(received)
    for (const { data } of this.#sent) this.#socket?.send(data)
  }

  /** Forgets the messages that the server has. */
  #confirm(received = 0): void {
    for (; this.#confirmed < received; this.#confirmed++) this.#sent.shift()?.confirmed.resolve()
  }

  #push(event: RunEvent | undefined, seq: number, length: number): void {
    if (seq <= this.#seq) return
    this.#seq = seq
    if (event?.type === 'error' && event.error.code === 'RUN_LOST')
      return this.end({ error: cut(event.error.message) })
    this.#events.push({ event, seq, size: length + EVENT_SIZE })
    if (event && isLast(event)) this.end({})
    this.#wake()
  }

  #acknowledge({ seq, size }: { seq: number; size: number }): void {
    this.#readSeq = seq
    this.#readSize += size
    if (this.#readSize < ACK_SIZE) return
    this.#readSize = 0
    this.#say({ type: 'ack', seq })
  }

  #say(message: object): void {
    if (this.#isReady) this.#socket?.send(JSON.stringify(message))
  }

  /** Connects again, unless the run is over for the server. */
  #lose(code = NO_CLOSE): void {
    this.#drop(COME_BACK)
    if (this.#end) return
    if (!this.#run) {
      const message = 'the connection failed, and the server did not get the program'
      return this.end({ error: new SandboxClientError('refused', message) })
    }
    this.#lostAt ??= Date.now()
    const isTooLate = Date.now() - this.#lostAt >= this.#keepMs
    if (isTooLate || !LOST.has(code)) {
      return this.end({ error: cut(`the connection was lost (${code})`) })
    }
    const pauseMs = Math.min(MAX_PAUSE_MS, 100 * 2 ** this.#attempts++)
    this.#after(pauseMs * (0.5 + Math.random()), () => this.#connect())
  }

  /** Closes the connection, and stops the timer. */
  #drop(code: number): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    this.#isReady = false
    socket?.close(code)
  }

  /** Expects a message: without one, the connection is broken. */
  #watch(): void {
    this.#after(3 * this.#heartbeatMs, () => this.#lose())
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }
}
