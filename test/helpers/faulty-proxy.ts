import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the proxy does with a request that begins while the fault is set. */
export const FAULTS = [
  /** Passes everything a second later. */
  'delay',
  /** Passes the request, and cuts the connection before the answer. */
  'drop',
  /** Passes the request, and ends the side of the client before the answer. */
  'half-close',
  /** Answers with the status 500, and does not pass the request. */
  'refuse',
  /** Passes the request, and never the answer. The connection stays open for ever. */
  'never',
] as const
export type Fault = (typeof FAULTS)[number]

const DELAY_MS = 1000
/** The treatment of the answer to a request, by fault. */
const ANSWERS = {
  drop: 'cut',
  'half-close': 'end',
  never: 'lose',
  delay: 'pass',
  refuse: 'pass',
} as const
const REQUEST = /^(?:GET|POST|DELETE|HEAD|PUT) (\S+)/
const BODY = JSON.stringify({ message: 'a fault of the test' })
const REFUSAL = [
  'HTTP/1.1 500 Internal Server Error',
  'content-type: application/json',
  `content-length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n')

/** A proxy before the socket of an engine that injects faults. */
export class FaultyProxy {
  /** The current fault. */
  fault: Fault | undefined
  readonly #socket = path.join(
    tmpdir(),
    `hono-sandbox-proxy-${randomBytes(4).toString('hex')}.sock`,
  )
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  readonly #paths: string[] = []

  private constructor(engine: string) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const connection = new Connection(client, engine, {
        fault: () => this.fault,
        onRequest: (path) => this.#paths.push(path),
      })
      this.#connections.add(connection)
      client.once('close', () => this.#connections.delete(connection))
    })
  }

  static async start(engine: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(engine)
    proxy.#server.listen(proxy.#socket)
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** The value for `DOCKER_HOST`. */
  get address(): string {
    return `unix://${this.#socket}`
  }

  /** Makes the open connections with this path silent for ever, as a network that loses its state. */
  mute(path: string): void {
    for (const connection of this.#connections) {
      if (connection.path.includes(path)) connection.mute()
    }
  }

  /** The number of requests so far whose path has this part. */
  requests(part: string): number {
    return this.#paths.filter((path) => path.includes(part)).length
  }

  /** Cuts all open connections. */
  cut(): void {
    for (const connection of this.#connections) connection.cut()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}

interface ConnectionOptions {
  fault: () => Fault | undefined
  onRequest: (path: string) => void
}

class Connection {
  /** The path of the latest request. */
  path = ''
  readonly #options: ConnectionOptions
  readonly #client: Socket
  readonly #engine: Socket
  /** The treatment of the answer to the latest request. */
  #answers: 'pass' | 'cut' | 'end' | 'lose' = 'pass'
  #isMute = false

  constructor(client: Socket, engine: string, options: ConnectionOptions) {
    const { fault } = options
    this.#options = options
    this.#client = client
    this.#engine = connect({ path: engine, allowHalfOpen: true })
    const toEngine = new Way(this.#engine, fault)
    const toClient = new Way(client, fault)
    client.on('data', (chunk) => {
      if (this.#passes(chunk)) toEngine.write(chunk)
    })
    this.#engine.on('data', (chunk) => {
      if (this.#answers === 'cut') this.cut()
      if (this.#answers === 'end') client.end()
      if (this.#answers === 'pass') toClient.write(chunk)
    })
    for (const [from, way] of [
      [client, toEngine],
      [this.#engine, toClient],
    ] as const) {
      from.on('error', () => {}) // followed by close
      from.on('end', () => this.#isMute || way.end())
      from.on('close', () => this.#isMute || way.destroy())
    }
  }

  mute(): void {
    this.#isMute = true
    this.#answers = 'lose'
    // The engine learns that its client is gone.
    this.#engine.destroy()
  }

  cut(): void {
    this.#client.destroy()
    this.#engine.destroy()
  }

  /** Decides about a request when it begins. Returns whether its bytes pass. */
  #passes(chunk: Buffer): boolean {
    if (this.#isMute) return false
    const { fault: faultNow, onRequest } = this.#options
    const fault = faultNow()
    const [, path] = REQUEST.exec(chunk.toString('latin1', 0, 200)) ?? []
    if (path === undefined) return true
    this.path = path
    onRequest(path)
    this.#answers = (fault && ANSWERS[fault]) ?? 'pass'
    if (fault === 'refuse') this.#client.write(REFUSAL)
    return fault !== 'refuse'
  }
}

/** One direction of a connection. It keeps the order of the bytes, also if it delays them. */
class Way {
  readonly #to: Socket
  readonly #fault: () => Fault | undefined
  #written = Promise.resolve()
  #waiting = 0

  constructor(to: Socket, fault: () => Fault | undefined) {
    this.#to = to
    this.#fault = fault
  }

  write(chunk: Buffer): void {
    this.#after(() => this.#to.writable && this.#to.write(chunk))
  }

  end(): void {
    this.#after(() => this.#to.end())
  }

  destroy(): void {
    this.#after(() => this.#to.destroy())
  }

  #after(step: () => void): void {
    const isDelayed = this.#fault() === 'delay'
    if (!isDelayed && this.#waiting === 0) return step()
    this.#waiting++
    this.#written = this.#later(this.#written, isDelayed ? sleep(DELAY_MS) : undefined, step)
  }

  async #later(before: Promise<void>, due: Promise<void> | undefined, step: () => void) {
    await before
    await due
    this.#waiting--
    step()
  }
}
