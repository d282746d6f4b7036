import type { ExecHandle } from '../src/sandbox/program/handle.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import type { RichResult } from '../src/sandbox/streams/rich-result.js'
import type { DeadlineTimer } from '../src/util/deadline.js'
import { setDeadline } from '../src/util/deadline.js'
import type { Connection } from './socket-connection.js'
import { CloseCode } from './socket-connection.js'
import { failureOf } from './socket-error.js'
import { SocketInput } from './socket-input.js'
import type { Message } from './socket-messages.js'
import { badMessage, messageOf } from './socket-messages.js'
import type { Outbox } from './socket-outbox.js'
import { wireEvent } from './wire-event.js'

/** The time that a client has to read the rest of the output after the program has ended. */
const READ_REST_MS = 300_000

/** A program that runs. The handle is in an object, because a handle is also a promise. */
export interface Started {
  sandbox: Sandbox
  handle: ExecHandle | ExecHandle<Buffer>
  /** Returns the results that the client gets after those of the program. */
  atEnd?: () => Promise<readonly RichResult[]>
}

/** Starts the program of the first message. The lease ends when the signal aborts. */
export type Start = (message: string, signal: AbortSignal) => Promise<Started>

/** The functions that a run calls. */
interface SocketRunHooks {
  start: Start
  /** Called with an error that ends the run. */
  onError: (error: unknown) => void
}

/**
 * The program of a client and its input. The client sends the program and input, and gets the events
 * through the outbox. The connection of the client may be replaced by another one.
 */
export class SocketRun {
  readonly #outbox: Outbox
  readonly #hooks: SocketRunHooks
  /** Aborts when the run is over. */
  readonly #ended = new AbortController()
  readonly #input: SocketInput
  #connection: Connection | undefined
  #readRestTimer: DeadlineTimer | undefined
  #started: Promise<Started> | undefined
  #received = 0

  constructor(outbox: Outbox, hooks: SocketRunHooks) {
    this.#outbox = outbox
    this.#hooks = hooks
    this.#input = new SocketInput({
      pause: () => this.#connection?.pause(),
      resume: () => {
        if (this.#connection?.isPaused) this.#connection.resume()
      },
      onStuck: () => this.fail(badMessage('the program does not read its input')),
    })
  }

  /** Whether the client has sent its program. */
  get hasBegun(): boolean {
    return this.#started !== undefined
  }

  /** The number of messages that have arrived, acknowledgements excluded. */
  get received(): number {
    return this.#received
  }

  /** The connection of the client; `undefined` while there is none. */
  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Sets the connection of the client. */
  set connection(connection: Connection | undefined) {
    this.#connection = connection
    if (this.#input.isFull) connection?.pause()
  }

  /**
   * Handles a message. The first one starts the program. Messages are also read while the program
   * does not read its stdin, until 4 MiB of input wait.
   */
  take(data: unknown): void {
    if (this.#ended.signal.aborted) return
    try {
      if (this.#started) this.#handle(this.#started, data)
      else this.#begin(data)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the run because of an error, and sends the error to the client. */
  readonly fail = (error: unknown): void => {
    if (this.#ended.signal.aborted) return
    const { event, code } = failureOf(error)
    void this.#outbox.push(event)
    this.#outbox.finish(code)
    this.end()
    this.#hooks.onError(error)
  }

  /** Ends the program and its lease, because the client has left or does not need it. */
  end(): void {
    this.#readRestTimer?.clear()
    this.#input.stop()
    this.#ended.abort(new DOMException('the conversation has ended', 'AbortError'))
    this.#outbox.stop()
  }

  #begin(data: unknown): void {
    this.#received++
    if (typeof data !== 'string') throw badMessage('the first message: expected text')
    this.#started = this.#start(data)
    this.#started.catch(this.fail)
  }

  async #start(message: string): Promise<Started> {
    const { signal } = this.#ended
    const started = await this.#hooks.start(message, signal)
    const { sandbox, handle, atEnd = async () => [] } = started
    // The stdin must be taken in the turn of the call, which is this one.
    this.#input.attach(handle.stdin.getWriter())
    // Iterate the handle before it is awaited: a handle that is only awaited drops its events.
    const last = handle.then(atEnd)
    void this.#forward(handle, last)
    // Release when the program has ended, not when its output is sent: a client that does not read
    // the output must not hold the container.
    const onEnd = () => {
      sandbox.release()
      this.#input.stop()
      if (!signal.aborted) this.#readRestTimer = setDeadline(READ_REST_MS, () => this.#abandon())
    }
    last.then(onEnd, onEnd)
    return started
  }

  #handle(started: Promise<Started>, data: unknown): void {
    if (data instanceof ArrayBuffer) return this.#push(new Uint8Array(data))
    const message = messageOf(String(data))
    if (message.type === 'ack') return this.#outbox.acknowledge(message.seq)
    if (message.type === 'stdin') return this.#push(Buffer.from(message.data))
    this.#received++
    if (message.type === 'eof') return this.#input.push('end')
    const signal = SIGNALS[message.type]
    const kill = ({ handle }: Started) => handle.kill(signal)
    void started.then(kill, () => {}) // if the run failed, its client has got the error
  }

  #push(bytes: Uint8Array): void {
    this.#received++
    this.#input.push(bytes)
  }

  async #forward(handle: Started['handle'], last: Promise<readonly RichResult[]>): Promise<void> {
    try {
      for await (const event of handle) {
        if (event.type === 'exit')
          for (const result of await last) await this.#outbox.push({ type: 'result', result })
        await this.#outbox.push(wireEvent(event))
        if (event.type !== 'exit') continue
        const isShutdown = event.killedBy === 'shutdown'
        this.#outbox.finish(isShutdown ? CloseCode.goingAway : CloseCode.done)
      }
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends a run whose client does not read the rest. */
  #abandon(): void {
    this.#connection?.terminate()
    this.end()
  }
}

const SIGNALS = { kill: 'SIGKILL', interrupt: 'SIGINT' } as const satisfies Partial<
  Record<Message['type'], NodeJS.Signals>
>
