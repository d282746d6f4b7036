import type { ExecHandle } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'
import { errorBody } from 'hono-sandbox/middleware'
import * as v from 'valibot'
import type { WebSocket } from 'ws'
import { Input } from './input.js'
import { RestartTimer } from './restart-timer.js'
import { BadRequest } from './refusal.js'
import { parseRun, parseSmallJson } from './run-request.js'
import { placeFiles, startRun } from './run.js'

/** The time limit for the first message. If none arrives, the connection is closed. */
const FIRST_MESSAGE_MS = 10_000
/** The time that a client has to read the rest of the output after the program has ended. */
const READ_REST_MS = 300_000
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

/** A text message that a client may send after the first one. A binary message is stdin. */
const Message = v.variant('type', [
  v.strictObject({ type: v.literal('stdin'), data: v.string() }),
  v.strictObject({ type: v.literal('eof') }),
  v.strictObject({ type: v.literal('kill') }),
])

/** Wraps the handle, because a promise of the handle itself would resolve to its result. */
interface Run {
  handle: ExecHandle
}

/** One run over a WebSocket: the client sends code and input, the server sends the events. */
export class Conversation {
  readonly #socket: WebSocket
  /** Aborts when the conversation ends. */
  readonly #ended = new AbortController()
  readonly #firstMessageTimer = new RestartTimer(FIRST_MESSAGE_MS, () =>
    this.refuse('the first message did not arrive in time'),
  )
  readonly #readRestTimer: RestartTimer
  readonly #input: Input
  #run: Promise<Run> | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.#input = new Input(socket, () => this.refuse('the program does not read its input'))
    this.#readRestTimer = new RestartTimer(READ_REST_MS, () => socket.terminate())
    this.#firstMessageTimer.restart()
  }

  /**
   * Handles a message. The first one starts the program. Messages are also read while the program
   * does not read its stdin, until 4 MiB of input wait.
   */
  take(data: unknown): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#firstMessageTimer.stop()
    if (!this.#run) {
      this.#run = this.#start(data)
      this.#run.catch(this.#fail)
      return
    }
    try {
      this.#handle(this.#run, data)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Closes the connection because of an error of the client. Sends the message to the client. */
  refuse(message: string): void {
    this.#fail(new BadRequest(message))
  }

  /** Ends the program, because the client has disconnected or the connection is being closed. */
  end(): void {
    this.#firstMessageTimer.stop()
    this.#readRestTimer.stop()
    this.#input.stop()
    this.#ended.abort(new DOMException('the conversation has ended', 'AbortError'))
  }

  async #start(data: unknown): Promise<Run> {
    if (typeof data !== 'string') throw new BadRequest('the first message: expected text')
    const request = await parseRun(data)
    const { signal } = this.#ended
    const sandbox = await getSandboxes().acquire(request.language, { signal })
    // The lease ends with the conversation, even if the start of the program is still in progress.
    if (signal.aborted) sandbox.release('aborted')
    signal.addEventListener('abort', () => sandbox.release('aborted'), { once: true })
    await placeFiles(sandbox, request.files)
    const handle = startRun(sandbox, request)
    this.#input.attach(handle.stdin.getWriter())
    // Iterate the handle before it is awaited: a handle that is only awaited drops its events.
    void this.#forward(handle)
    // Release when the program has ended, not when its output is sent: a client that does not read
    // the output must not hold the container.
    const onEnd = () => {
      sandbox.release()
      this.#input.stop()
      if (!signal.aborted) this.#readRestTimer.restart()
    }
    handle.then(onEnd, onEnd)
    return { handle }
  }

  #handle(run: Promise<Run>, data: unknown): void {
    if (data instanceof ArrayBuffer) return this.#input.push(new Uint8Array(data))
    const parsed = parseSmallJson(String(data), 'the message: expected JSON')
    const message = v.safeParse(Message, parsed)
    if (!message.success) throw new BadRequest('the message: expected stdin, eof or kill')
    const { output } = message
    if (output.type === 'stdin') return this.#input.push(Buffer.from(output.data))
    if (output.type === 'eof') return this.#input.push('end')
    const kill = ({ handle }: Run) => handle.kill()
    void run.then(kill, () => {}) // if the run failed, `take` has already sent the error
  }

  async #forward(handle: ExecHandle): Promise<void> {
    try {
      for await (const event of handle) await this.#send(event)
      this.#socket.close(1000)
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Sends an event. Resolves when the event is written to the socket, so that a program does not
   * produce output faster than its client reads.
   */
  #send(event: object): Promise<void> {
    return new Promise((resolve) => {
      // An error is ignored: the socket closes after it, and `end()` is called.
      this.#socket.send(JSON.stringify(event), () => resolve())
    })
  }

  readonly #fail = (error: unknown): void => {
    if (this.#ended.signal.aborted) return
    void this.#send({ type: 'error', error: describe(error) })
    this.#socket.close(error instanceof BadRequest ? POLICY_VIOLATION : INTERNAL_ERROR)
    this.end()
  }
}

/**
 * Returns the code and the message of an error for the client. Hides the details of internal
 * errors.
 */
function describe(error: unknown): { code: string; message: string } {
  if (error instanceof BadRequest) return { code: error.code, message: error.message }
  if (error instanceof SandboxError) return errorBody(error).error
  console.error(error)
  return { code: 'INTERNAL', message: 'Internal Server Error' }
}
