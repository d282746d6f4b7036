import * as v from 'valibot'
import type { Frame } from '../../src/agent/protocol.js'
import * as protocol from '../../src/agent/protocol.js'
import { encodeFrame, FrameReader, Kind } from '../../src/agent/protocol.js'
import type { Container, ContainerExit } from '../../src/engine/engine.js'
import type { Answer } from './agent-call.js'
import { Call, parsed, rule } from './agent-call.js'
import { within } from './until.js'

// Not those of the library: a host may take more than the page says, this one does not.
const Hello = v.strictObject(protocol.Hello.entries)

/**
 * The host's end of one agent, and the referee: whatever the agent says is held against the page,
 * and the first thing that is not on it fails every open request and every later one.
 */
export class Agent {
  /** Everything it has said, in order. */
  readonly frames: Frame[] = []
  readonly container: Container
  readonly workspace: string
  hello: v.InferOutput<typeof Hello> | undefined
  isOver = false
  readonly #codeCache: Buffer[] = []
  #fault: Error | undefined
  readonly #reader = new FrameReader()
  readonly #calls = new Map<number, Call>()
  readonly #looks = new Set<() => void>()
  #lastId = 0

  constructor(container: Container, workspace: string) {
    this.container = container
    this.workspace = workspace
    container.stdin.on('error', () => {}) // the end of stdout tells
    container.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
    void container.exited.then((exit) => this.#end(exit))
  }

  /** One that has said its first word. */
  static async warm(container: Container, workspace: string): Promise<Agent> {
    const agent = new Agent(container, workspace)
    await agent.wait('the first word', () => agent.hello !== undefined)
    return agent
  }

  /** What it has made of its program's source, where it was sent that. */
  get codeCache(): Buffer {
    return Buffer.concat(this.#codeCache)
  }

  /** Throws where it has left the page. */
  check(): void {
    if (this.#fault) throw this.#fault
  }

  /** Waits until something holds of what it has said. */
  async wait(what: string, condition: () => boolean): Promise<void> {
    const holds = () => {
      this.check()
      return condition()
    }
    if (holds()) return
    let look: () => void = () => {}
    const held = new Promise<void>((resolve, reject) => {
      look = () => {
        try {
          if (holds()) resolve()
        } catch (error) {
          reject(error)
        }
      }
    })
    this.#looks.add(look)
    await this.within(what, held).finally(() => this.#looks.delete(look))
  }

  /** Its answer in time; one that does not come is the end of it for every test. */
  async within<T>(what: string, answer: Promise<T>): Promise<T> {
    try {
      return await within(what, answer)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(what, { cause: error }))
      throw error
    }
  }

  /** A frame as it is, whether it makes sense or not. */
  send(kind: number, id: number, ...parts: Uint8Array[]): void {
    this.container.stdin.write(encodeFrame(kind, id, ...parts))
  }

  /** Sends what is sent meanwhile in one piece, so that it comes together. */
  together<T>(send: () => T): T {
    const { stdin } = this.container
    stdin.cork()
    try {
      return send()
    } finally {
      stdin.uncork()
    }
  }

  /** A request, however strange; as a string it is sent as it is. Without `givesCredit` no credit is given. */
  open(request: unknown, { givesCredit = true } = {}): Call {
    const op = v.safeParse(v.object({ op: v.unknown() }), request)
    const call = new Call(this, ++this.#lastId, op.success ? op.output.op : undefined, givesCredit)
    this.#calls.set(call.id, call)
    const text = typeof request === 'string' ? request : JSON.stringify(request)
    this.send(Kind.request, call.id, Buffer.from(text))
    if (this.#fault) call.fail(this.#fault)
    return call
  }

  /** One request to its end, with all the credit it wants. */
  async ask(request: unknown, stdin: string | Uint8Array = ''): Promise<Answer> {
    const call = this.open(request)
    void call.writeStdin(stdin).then(() => call.end())
    return call.answer()
  }

  /** Resolves when a ping of this name has come back. What was said before it is here then. */
  async ping(name = 'there?'): Promise<void> {
    const from = this.frames.length
    this.send(Kind.ping, ++this.#lastId, Buffer.from(name))
    await this.wait(`the ping ${name} is back`, () => this.indexOf(Kind.ping, name, from) >= 0)
  }

  /** Where in all that was said a frame of this payload is; -1 where it is not. */
  indexOf(kind: number, text: string, from = 0): number {
    this.check()
    return this.frames.findIndex(
      (frame, at) => at >= from && frame.kind === kind && frame.payload.toString() === text,
    )
  }

  #receive(chunk: Buffer): void {
    if (this.#fault) return
    try {
      for (const frame of this.#reader.read(chunk)) {
        if (frame.kind === Kind.codeCache) {
          rule(!this.hello, 'the code cache comes before hello')
          this.#codeCache.push(frame.payload)
          continue
        }
        this.#take(frame)
        this.frames.push(frame)
      }
    } catch (error) {
      this.#fail(new Error('the agent has left the page', { cause: error }))
    }
    this.#look()
  }

  #look(): void {
    for (const look of this.#looks) look()
  }

  #take(frame: Frame): void {
    const { kind, id, payload } = frame
    if (kind === Kind.hello) {
      rule(this.frames.length === 0, 'hello comes once, before all else')
      this.hello = v.parse(Hello, parsed(payload))
      return
    }
    rule(this.hello, 'hello comes before all else')
    if (kind === Kind.ping) return rule(id <= this.#lastId, 'a ping is an answer')
    const call = this.#calls.get(id)
    if (!call) throw new RangeError(`a frame of kind ${kind} for request ${id}, which is not open`)
    if (kind === Kind.started) call.takeStarted(payload)
    else if (kind === Kind.data) call.takeData(payload)
    else if (kind === Kind.credit) call.takeCredit(payload)
    else if (kind === Kind.done) {
      call.takeDone(payload, this.frames.length)
      this.#calls.delete(id)
    } else throw new RangeError(`a frame of kind ${kind}`)
  }

  #end({ exitCode, stderr }: ContainerExit): void {
    this.isOver = true
    this.#fail(new Error(`the agent has exited with ${exitCode}: ${stderr}`))
  }

  #fail(error: Error): void {
    this.#fault ??= error
    for (const call of this.#calls.values()) call.fail(this.#fault)
    this.#calls.clear()
    this.#look()
  }
}
