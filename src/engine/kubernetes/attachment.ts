import { Readable, Writable } from 'node:stream'
import type { KubeConfig } from '@kubernetes/client-node'
import type { WebSocket } from 'ws'
import { GrowingBuffer } from '../../util/growing-buffer.js'
import { connect, HALF_CLOSE } from './connect.js'
import { CONTAINER } from './pod-spec.js'

const STDERR_TAIL_BYTES = 4096
/** Standard error is cut to its tail only when it exceeds this size, not for each chunk. */
const MAX_STDERR_BYTES = 64 * 1024
/** The greatest message to the API server, so that a large write does not become one message. */
const MAX_MESSAGE_BYTES = 256 * 1024

/** The time limit for the next output, or its end, after the input was lost. */
const LOST_INPUT_MS = 2000

/** The number of a stream, which is the first byte of a message. */
const Stream = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 }

/** The streams of a container that one WebSocket carries. */
const ALL = 'stdin=true&stdout=true&stderr=true'
const INPUT = 'stdin=true&stdout=false&stderr=false'

/**
 * The attached streams of PID 1, over WebSockets to the API server.
 *
 * Version 5 of the protocol can end stdin alone, and one WebSocket carries all streams. Version 4, of
 * servers before 1.30, can end stdin only with a WebSocket. There, a second WebSocket carries the
 * input, so that the output continues when stdin has ended. The first one carries stdin as well,
 * without using it: to a WebSocket without stdin, some nodes react as if stdin had ended.
 */
export class Attachment {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Resolves when the output has ended. */
  readonly closed: Promise<void>
  readonly #sockets: readonly WebSocket[]
  readonly #output: Output

  constructor(output: Output, input: WebSocket, outputSocket: WebSocket) {
    this.#output = output
    this.#sockets = [...new Set([input, outputSocket])]
    this.closed = output.follow(outputSocket)
    this.stdout = output.stdout
    this.stdin = new Writable({
      highWaterMark: MAX_MESSAGE_BYTES,
      // The output continues after the end of stdin.
      autoDestroy: false,
      write: (chunk: Buffer, _, done) => sendAll(input, chunk, done),
      final: (done) => {
        if (input.protocol === HALF_CLOSE) {
          input.send(Buffer.of(Stream.close, Stream.stdin), () => done())
        } else {
          input.close()
          done()
        }
      },
      destroy: (error, done) => {
        this.disconnect()
        done(error)
      },
    })
    this.stdin.on('error', () => {}) // the close of the input follows
    input.on('close', () => {
      if (this.stdin.writableEnded) return
      // A lost connection ends all. If PID 1 has exited, the rest of its output is on the way.
      const late = setTimeout(() => {
        // The reader of stdout does not take what has come.
        if (outputSocket.isPaused) late.refresh()
        else this.disconnect()
      }, LOST_INPUT_MS).unref()
      outputSocket.on('message', () => late.refresh())
      void this.closed.then(() => clearTimeout(late))
    })
    void this.closed.then(() => this.stdin.destroy())
  }

  /**
   * Whether the node has ended the streams, because PID 1 has exited. It is `false` after a lost
   * connection.
   */
  get isEndedByNode(): boolean {
    return this.#output.isEndedByNode
  }

  /** The last lines that PID 1 wrote on its standard error. */
  get stderrTail(): string {
    return this.#output.stderrTail
  }

  /** Closes the connections. The stdin of PID 1 ends, so the agent exits. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.terminate()
  }
}

/** Attaches to PID 1 of a pod. If the signal aborts, no connection stays open. */
export async function attach(
  config: KubeConfig,
  { namespace, pod }: { namespace: string; pod: string },
  signal: AbortSignal,
): Promise<Attachment> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/attach?container=${CONTAINER}`
  const output = new Output()
  const receive = (message: Buffer) => output.receive(message)
  const socket = await connect(config, `${path}&${ALL}`, receive, signal)
  try {
    const hasHalfClose = socket.protocol === HALF_CLOSE
    const input = hasHalfClose ? socket : await connect(config, `${path}&${INPUT}`, ignore, signal)
    return new Attachment(output, input, socket)
  } catch (error) {
    socket.terminate()
    throw error
  }
}

function ignore(): void {}

/** The output of PID 1. */
class Output {
  readonly stdout = new Readable({ read: () => this.#socket?.resume() })
  isEndedByNode = false
  #socket: WebSocket | undefined
  #stderr = new GrowingBuffer()

  /** Takes one message: its stream, and the bytes. */
  receive(message: Buffer): void {
    const [stream] = message
    const bytes = message.subarray(1)
    if (bytes.length === 0) return
    if (stream === Stream.status) this.isEndedByNode = true
    if (stream === Stream.stdout) {
      // The buffer of stdout is full, so the connection must keep the rest.
      if (!this.stdout.push(bytes)) this.#socket?.pause()
    }
    if (stream === Stream.stderr) {
      this.#stderr.push(bytes)
      if (this.#stderr.size > MAX_STDERR_BYTES) this.#stderr = this.#tail()
    }
  }

  /** Resolves when the connection has ended. */
  follow(socket: WebSocket): Promise<void> {
    this.#socket = socket
    return new Promise((resolve) => {
      socket.on('close', () => resolve())
      // It may have ended before.
      if (socket.readyState === socket.CLOSED) resolve()
    })
  }

  get stderrTail(): string {
    return this.#tail().bytes().toString()
  }

  #tail(): GrowingBuffer {
    const tail = new GrowingBuffer()
    tail.push(this.#stderr.bytes().subarray(-STDERR_TAIL_BYTES))
    return tail
  }
}

/** Sends a chunk in messages of bounded size, and calls `done` when the connection has taken it. */
function sendAll(socket: WebSocket, chunk: Buffer, done: (error?: Error | null) => void): void {
  const part = chunk.subarray(0, MAX_MESSAGE_BYTES)
  const rest = chunk.subarray(part.length)
  socket.send(Buffer.concat([Buffer.of(Stream.stdin), part]), (error) => {
    if (error || rest.length === 0) done(error)
    else sendAll(socket, rest, done)
  })
}
