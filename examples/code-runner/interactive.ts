import type { WSEvents } from 'hono/ws'
import type { ExecHandle, Sandbox } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'
import { errorBody } from 'hono-sandbox/middleware'
import * as v from 'valibot'
import { WebSocket } from 'ws'
import { BadRequest, parseRun } from './run-request.js'
import { placeFiles, startRun } from './run.js'

/** A connection that has not said by then what to run is closed. */
const FIRST_MESSAGE_MS = 10_000
const POLICY_VIOLATION = 1008
const INTERNAL_ERROR = 1011
/** Of stdin, beyond what the program has read. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

/** What a client may say once its program runs; bytes are stdin as well. */
const Message = v.variant('type', [
  v.strictObject({ type: v.literal('stdin'), data: v.string() }),
  v.strictObject({ type: v.literal('eof') }),
  v.strictObject({ type: v.literal('kill') }),
])

/**
 * A run that can be talked to. The client's first message is what it would post to `/run`; then it
 * sends `{ type: 'stdin', data }` or bytes, `{ type: 'eof' }`, `{ type: 'kill' }`. It gets the events
 * of `/run/stream`, a message each; after `exit` or `error` the server closes.
 */
export function interactive(): WSEvents {
  let conversation: Conversation | undefined
  return {
    onOpen: (_, { raw }) => {
      if (raw instanceof WebSocket) conversation = new Conversation(raw)
    },
    onMessage: ({ data }) => conversation?.take(data),
    onClose: () => conversation?.end(),
  }
}

/** What the first message has started. */
interface Run {
  handle: ExecHandle
  stdin: WritableStreamDefaultWriter<string | Uint8Array>
}

class Conversation {
  readonly #socket: WebSocket
  readonly #gone = new AbortController()
  readonly #patience: NodeJS.Timeout
  #run: Promise<Run> | undefined
  #waitingBytes = 0

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.#patience = setTimeout(
      () => this.#fail(new BadRequest('nothing to run')),
      FIRST_MESSAGE_MS,
    )
  }

  /** The socket is read also while the program does not: a kill, or a leave, gets through. */
  take(data: unknown): void {
    clearTimeout(this.#patience)
    if (!this.#run) {
      this.#run = this.#start(data)
      this.#run.catch(this.#fail)
      return
    }
    const size = data instanceof ArrayBuffer ? data.byteLength : String(data).length
    const isTooMuch = this.#waitingBytes > MAX_WAITING_BYTES
    this.#waitingBytes += size
    if (isTooMuch) {
      return this.#fail(new BadRequest(`the program has not read ${MAX_WAITING_BYTES} bytes`))
    }
    const dealtWith = () => {
      this.#waitingBytes -= size
    }
    void this.#run.then((run) => answer(run, data)).then(dealtWith, this.#fail)
  }

  end(): void {
    clearTimeout(this.#patience)
    this.#gone.abort(new DOMException('the client is gone', 'AbortError'))
  }

  async #start(data: unknown): Promise<Run> {
    const request = parseRun(parse(data))
    const { signal } = this.#gone
    const sandbox = await getSandboxes().acquire(request.language, { signal })
    // The lease is over with the connection, whatever is under way in it.
    if (signal.aborted) sandbox.release('aborted')
    signal.addEventListener('abort', () => sandbox.release('aborted'), { once: true })
    await placeFiles(sandbox, request.files)
    const handle = startRun(sandbox, request)
    const stdin = handle.stdin.getWriter()
    void this.#forward(handle, sandbox)
    return { handle, stdin }
  }

  async #forward(handle: ExecHandle, sandbox: Sandbox): Promise<void> {
    try {
      for await (const event of handle) await this.#send(event)
      this.#socket.close(1000)
    } catch (error) {
      this.#fail(error)
    } finally {
      sandbox.release()
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

/** Resolves when the message has had its effect: stdin when the program has room for it. */
async function answer({ handle, stdin }: Run, data: unknown): Promise<void> {
  if (data instanceof ArrayBuffer) return write(stdin, new Uint8Array(data))
  const message = v.safeParse(Message, parse(data))
  if (!message.success) throw new BadRequest('a message that is not stdin, eof or kill')
  const { output } = message
  if (output.type === 'stdin') await write(stdin, output.data)
  else if (output.type === 'eof') await end(stdin)
  else handle.kill()
}

function parse(data: unknown): unknown {
  try {
    return JSON.parse(String(data))
  } catch {
    throw new BadRequest('the message is not JSON')
  }
}

function told(error: unknown): { code: string; message: string } {
  if (error instanceof BadRequest) return { code: 'BAD_REQUEST', message: error.message }
  if (error instanceof SandboxError) return errorBody(error).error
  console.error(error)
  return { code: 'INTERNAL', message: 'Internal Server Error' }
}

async function write(stdin: Run['stdin'], data: string | Uint8Array): Promise<void> {
  try {
    await stdin.write(data)
  } catch {
    // after its end, by the program or by the client: nobody reads it, no harm is done
  }
}

async function end(stdin: Run['stdin']): Promise<void> {
  try {
    await stdin.close()
  } catch {
    // it had ended
  }
}
