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

/** A connection whose first message is not there by then is closed. */
const FIRST_MESSAGE_MS = 10_000
/** How long a client may take to read what is left of the output when the program is over. */
const LAST_WORDS_MS = 300_000
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011

/** What a client may say once its program runs; bytes are stdin as well. */
const Message = v.variant('type', [
  v.strictObject({ type: v.literal('stdin'), data: v.string() }),
  v.strictObject({ type: v.literal('eof') }),
  v.strictObject({ type: v.literal('kill') }),
])

/** Not the handle itself: a promise of that would be one of its result. */
interface Run {
  handle: ExecHandle
}

/** One run that a client talks to. */
export class Conversation {
  readonly #socket: WebSocket
  readonly #gone = new AbortController()
  readonly #first = new RestartTimer(FIRST_MESSAGE_MS, () => this.refuse('nothing to run'))
  readonly #last: RestartTimer
  readonly #input: Input
  #run: Promise<Run> | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.#input = new Input(socket, () => this.refuse('input that the program does not read'))
    this.#last = new RestartTimer(LAST_WORDS_MS, () => socket.terminate())
    this.#first.restart()
  }

  /** Takes a message. Until 4 MiB wait, it is read also while the program does not read. */
  take(data: unknown): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#first.stop()
    if (!this.#run) {
      this.#run = this.#start(data)
      this.#run.catch(this.#fail)
      return
    }
    try {
      this.#obey(this.#run, data)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Closes the connection, because of what the client has done. */
  refuse(why: string): void {
    this.#fail(new BadRequest(why))
  }

  /** The client has left, or is to leave: its program ends. */
  end(): void {
    this.#first.stop()
    this.#last.stop()
    this.#input.stop()
    this.#gone.abort(new DOMException('the client is gone', 'AbortError'))
  }

  async #start(data: unknown): Promise<Run> {
    if (typeof data !== 'string') throw new BadRequest('the first message is not text')
    const request = await parseRun(data)
    const { signal } = this.#gone
    const sandbox = await getSandboxes().acquire(request.language, { signal })
    // The lease is over with the connection, whatever is under way in it.
    if (signal.aborted) sandbox.release('aborted')
    signal.addEventListener('abort', () => sandbox.release('aborted'), { once: true })
    await placeFiles(sandbox, request.files)
    const handle = startRun(sandbox, request)
    this.#input.attach(handle.stdin.getWriter())
    // It takes the events first: a handle that is only awaited drops them.
    void this.#forward(handle)
    // With the program, not with its output: a client that does not read it holds no container.
    const over = () => {
      sandbox.release()
      this.#input.stop()
      if (!signal.aborted) this.#last.restart()
    }
    handle.then(over, over)
    return { handle }
  }

  #obey(run: Promise<Run>, data: unknown): void {
    if (data instanceof ArrayBuffer) return this.#input.push(new Uint8Array(data))
    const parsed = parseSmallJson(String(data), 'the message is not JSON')
    const message = v.safeParse(Message, parsed)
    if (!message.success) throw new BadRequest('a message that is not stdin, eof or kill')
    const { output } = message
    if (output.type === 'stdin') return this.#input.push(Buffer.from(output.data))
    if (output.type === 'eof') return this.#input.push('end')
    const kill = ({ handle }: Run) => handle.kill()
    void run.then(kill, () => {}) // one that was refused has told its client
  }

  async #forward(handle: ExecHandle): Promise<void> {
    try {
      for await (const event of handle) await this.#send(event)
      this.#socket.close(1000)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Resolves when it is out: a client that does not read slows its program down. */
  #send(event: object): Promise<void> {
    return new Promise((resolve) => {
      // One that cannot be sent is followed by the socket's close.
      this.#socket.send(JSON.stringify(event), () => resolve())
    })
  }

  readonly #fail = (error: unknown): void => {
    if (this.#gone.signal.aborted) return
    void this.#send({ type: 'error', error: told(error) })
    this.#socket.close(error instanceof BadRequest ? POLICY_VIOLATION : INTERNAL_ERROR)
    this.end()
  }
}

function told(error: unknown): { code: string; message: string } {
  if (error instanceof BadRequest) return { code: error.code, message: error.message }
  if (error instanceof SandboxError) return errorBody(error).error
  console.error(error)
  return { code: 'INTERNAL', message: 'Internal Server Error' }
}
