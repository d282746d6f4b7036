import { SandboxRun } from './sandbox-run.js'
import { SocketLink } from './socket-link.js'
import type { WebSocketLike } from './web-socket.js'
import { openWebSocket } from './web-socket.js'

/** The options of {@link runSocket}. */
export interface RunSocketOptions {
  /** Leaves the run: the server ends the program, and the loop throws the reason. */
  signal?: AbortSignal | undefined
  /**
   * Opens a connection, for example with the package `ws`. It is called again after a lost
   * connection.
   *
   * @default new WebSocket(url)
   */
  connect?: ((url: string) => WebSocketLike) | undefined
}

/** The size of a message with input, in bytes. */
const PIECE_BYTES = 65_536

/**
 * A run over a WebSocket: its events, its exit and its input.
 *
 * @example
 * ```ts
 * import { runSocket, SocketRun } from 'hono-sandbox/client'
 * import { WebSocket } from 'ws' // a browser has it
 *
 * const connect = (url: string) => new WebSocket(url)
 * const run = runSocket('ws://127.0.0.1:9/', { code: 'print(input())' }, { connect })
 * console.log(run instanceof SocketRun)
 * await run.write('Ada\n').catch((error) => console.log(error.reason))
 * ```
 */
export class SocketRun extends SandboxRun {
  readonly #link: SocketLink

  /** Used by `runSocket()`. */
  constructor(link: SocketLink) {
    super(link.events())
    this.#link = link
  }

  /**
   * Writes to the stdin of the program. Resolves when the server has the input: await it before the
   * next write, so that a slow program slows the writer. Rejects if the run fails or is cut.
   */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    let last = Promise.resolve()
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      last = this.#link.send(Uint8Array.from(bytes.subarray(at, at + PIECE_BYTES)))
    return last
  }

  /** Ends the stdin of the program. */
  eof(): void {
    this.#send('eof')
  }

  /** Kills the program. The `exit` has `killedBy: 'abort'`. */
  kill(): void {
    this.#send('kill')
  }

  /** Interrupts the program with `SIGINT`, as Ctrl-C does. */
  interrupt(): void {
    this.#send('interrupt')
  }

  #send(type: string): void {
    void this.#link.send(JSON.stringify({ type }))
  }
}

/**
 * Runs a program over a WebSocket of `websocketSandbox()`. `program` is the first message: JSON of
 * any value, and a string as it is.
 *
 * If the connection is lost, the client connects again and resumes the run: the loop gets each event
 * once, and the program each input once. The server keeps a run for a limited time. After that time,
 * and after a restart of the server, the run is cut. A program is never sent a second time.
 *
 * The loop throws SandboxClientError: `refused` if the first connection fails, and the program did
 * not run; `cut` if the end of the program is unknown; `invalid` if the server sends no JSON.
 *
 * @example
 * ```ts
 * import { runSocket } from 'hono-sandbox/client'
 * import { WebSocket } from 'ws' // a browser has it
 *
 * const connect = (url: string) => new WebSocket(url)
 * const run = runSocket('ws://127.0.0.1:9/', { code: 'print(6 * 7)' }, { connect })
 * try {
 *   for await (const event of run) if (event.type === 'stdout') console.log(event.data)
 *   console.log((await run.exit()).exitCode)
 * } catch {
 *   console.log('there is no server at this address')
 * }
 * ```
 */
export function runSocket(
  url: string | URL,
  program: unknown,
  { signal, connect = openWebSocket }: RunSocketOptions = {},
): SocketRun {
  signal?.throwIfAborted()
  const leave = () => link.end({ error: signal?.reason })
  const onEnd = () => signal?.removeEventListener('abort', leave)
  const link = new SocketLink(() => connect(String(url)), onEnd)
  void link.send(typeof program === 'string' ? program : JSON.stringify(program))
  signal?.addEventListener('abort', leave)
  return new SocketRun(link)
}
