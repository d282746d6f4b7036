import * as v from 'valibot'
import type { Frame } from '../../src/agent/protocol.js'
import * as protocol from '../../src/agent/protocol.js'
import { encodeFrame, FrameReader, Kind } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import type { Answer } from './agent-request.js'
import { AgentRequest, checkProtocol, parsed } from './agent-request.js'
import { within } from './until.js'

// A strict copy of the library's schema: the library accepts unknown fields, the tests do not.
const Hello = v.strictObject(protocol.Hello.entries)

/**
 * The host's connection to one agent. It checks each frame of the agent against the protocol. The
 * first violation fails all open requests and all later ones.
 */
export class Agent {
  /** All frames that the agent has sent, in order. */
  readonly frames: Frame[] = []
  readonly container: Container
  readonly workspace: string
  hello: v.InferOutput<typeof Hello> | undefined
  hasExited = false
  readonly #codeCache: Buffer[] = []
  #failure: Error | undefined
  readonly #reader = new FrameReader()
  readonly #requests = new Map<number, AgentRequest>()
  /** One check for each pending {@link wait}. */
  readonly #checks = new Set<() => void>()
  #lastId = 0

  constructor(container: Container, workspace: string) {
    this.container = container
    this.workspace = workspace
    container.stdin.on('error', () => {}) // container.exited reports the end
    container.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
    void container.exited.then((exit) => this.#end(exit))
  }

  /** Connects to an agent and waits for its hello. */
  static async connect(container: Container, workspace: string): Promise<Agent> {
    const agent = new Agent(container, workspace)
    await agent.wait('the agent says hello', () => agent.hello !== undefined)
    return agent
  }

  /** The code cache that the agent has sent back; empty if it has sent none. */
  get codeCache(): Buffer {
    return Buffer.concat(this.#codeCache)
  }

  /** Throws if the agent has violated the protocol or has exited. */
  check(): void {
    if (this.#failure) throw this.#failure
  }

  /** Waits until a condition on the agent's frames holds. */
  async wait(description: string, condition: () => boolean): Promise<void> {
    const holds = () => {
      this.check()
      return condition()
    }
    if (holds()) return
    let check: () => void = () => {}
    const held = new Promise<void>((resolve, reject) => {
      check = () => {
        try {
          if (holds()) resolve()
        } catch (error) {
          reject(error)
        }
      }
    })
    this.#checks.add(check)
    await this.within(description, held).finally(() => this.#checks.delete(check))
  }

  /** Waits for an answer. If it does not arrive in time, all open and later requests fail too. */
  async within<T>(description: string, answer: Promise<T>): Promise<T> {
    try {
      return await within(description, answer)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(description, { cause: error }))
      throw error
    }
  }

  /** Sends a frame without any check. */
  send(kind: number, id: number, ...parts: Uint8Array[]): void {
    this.container.stdin.write(encodeFrame(kind, id, ...parts))
  }

  /** Sends all frames of a function in one write, so that the agent reads them together. */
  inOneWrite<T>(send: () => T): T {
    const { stdin } = this.container
    stdin.cork()
    try {
      return send()
    } finally {
      stdin.uncork()
    }
  }

  /**
   * Opens a request, which may be invalid. A string is sent unchanged. If `grantsCredit` is false, the
   * test grants credit itself.
   */
  open(request: unknown, { grantsCredit = true } = {}): AgentRequest {
    const op = v.safeParse(v.object({ op: v.unknown() }), request)
    const name = op.success ? op.output.op : undefined
    const opened = new AgentRequest(this, ++this.#lastId, name, grantsCredit)
    this.#requests.set(opened.id, opened)
    const text = typeof request === 'string' ? request : JSON.stringify(request)
    this.send(Kind.request, opened.id, Buffer.from(text))
    if (this.#failure) opened.fail(this.#failure)
    return opened
  }

  /** Sends one request with its stdin, grants all credit, and waits for the answer. */
  async ask(request: unknown, stdin: string | Uint8Array = ''): Promise<Answer> {
    const opened = this.open(request)
    void opened.writeStdin(stdin).then(() => opened.end())
    return opened.answer()
  }

  /** Resolves when a ping has come back. All frames that the agent sent before it have arrived then. */
  async ping(name = 'there?'): Promise<void> {
    const from = this.frames.length
    this.send(Kind.ping, ++this.#lastId, Buffer.from(name))
    await this.wait(`the ping ${name} comes back`, () => this.indexOf(Kind.ping, name, from) >= 0)
  }

  /** Returns the index of the first frame with this payload; -1 if there is none. */
  indexOf(kind: number, text: string, from = 0): number {
    this.check()
    return this.frames.findIndex(
      (frame, at) => at >= from && frame.kind === kind && frame.payload.toString() === text,
    )
  }

  #receive(chunk: Buffer): void {
    if (this.#failure) return
    try {
      for (const frame of this.#reader.read(chunk)) {
        if (frame.kind === Kind.codeCache) {
          checkProtocol(!this.hello, 'the code cache precedes hello')
          this.#codeCache.push(frame.payload)
          continue
        }
        this.#handle(frame)
        this.frames.push(frame)
      }
    } catch (error) {
      this.#fail(new Error('the agent violated the protocol', { cause: error }))
    }
    this.#checkAll()
  }

  #checkAll(): void {
    for (const check of this.#checks) check()
  }

  #handle(frame: Frame): void {
    const { kind, id, payload } = frame
    if (kind === Kind.hello) {
      checkProtocol(this.frames.length === 0, 'hello is the first frame and is sent once')
      this.hello = v.parse(Hello, parsed(payload))
      return
    }
    checkProtocol(this.hello, 'hello is the first frame')
    if (kind === Kind.ping)
      return checkProtocol(id <= this.#lastId, 'a ping answers a ping of the host')
    const request = this.#requests.get(id)
    if (!request)
      throw new RangeError(`a frame of kind ${kind} for request ${id}, which is not open`)
    if (kind === Kind.started) request.onStarted(payload)
    else if (kind === Kind.data) request.onData(payload)
    else if (kind === Kind.credit) request.onCredit(payload)
    else if (kind === Kind.done) {
      request.onDone(payload, this.frames.length)
      this.#requests.delete(id)
    } else throw new RangeError(`a frame of kind ${kind}`)
  }

  #end({ exitCode, stderr }: ContainerExit): void {
    this.hasExited = true
    this.#fail(new Error(`the agent has exited with ${exitCode}: ${stderr}`))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const request of this.#requests.values()) request.fail(this.#failure)
    this.#requests.clear()
    this.#checkAll()
  }
}
