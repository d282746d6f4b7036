import { PassThrough, Writable } from 'node:stream'
import type {
  Done,
  ExecRequest,
  Frame,
  OpenRequest,
  Request,
  RunRequest,
} from '../agent/protocol.js'
import {
  encodeFrame,
  FrameReader,
  Kind,
  MAX_REQUEST_BYTES,
  PROTOCOL_VERSION,
} from '../agent/protocol.js'
import type { Container, ContainerExit, LaunchSpec } from '../engine/engine.js'
import { deferred } from '../util/deferred.js'
import { AgentExchange } from './agent-exchange.js'
import type { ActiveRequest } from './file-requests.js'
import { answerFileRequest } from './file-requests.js'
import { MemoryFiles } from './memory-files.js'
import { TestProgram } from './test-program.js'

/** Starts the program of a request. Throws if no script answers it. */
export type StartProgram = (
  request: RunRequest | ExecRequest,
  program: TestProgram,
  container: TestContainer,
) => void

/** A container without an engine. It speaks the protocol of the agents, and runs scripts. */
export class TestContainer implements Container {
  readonly name: string
  readonly language: string
  readonly files: MemoryFiles
  readonly stdin: Writable
  readonly stdout = new PassThrough()
  readonly exited: Promise<ContainerExit>
  /** Whether the host has made a request, except for the probe at the launch. */
  isUsed = false
  /** Whether the host gets nothing any more, not even the confirmation of a kill. */
  isFrozen = false
  readonly #start: StartProgram
  readonly #requests = new Map<number, { exchange: AgentExchange; active: ActiveRequest }>()
  /** Of each context, the request that opened it and those of its runs. */
  readonly #contexts = new Map<string, AgentExchange[]>()
  readonly #exit = deferred<ContainerExit>()
  #nextPid = 2

  constructor({ name, language, ...spec }: LaunchSpec, start: StartProgram) {
    this.name = name
    this.language = language
    this.exited = this.#exit.promise
    this.#start = start
    const { workspaceBytes, tmpBytes, shmBytes } = spec
    this.files = new MemoryFiles({
      '/workspace': workspaceBytes,
      '/tmp': tmpBytes,
      '/dev/shm': shmBytes,
    })
    const reader = new FrameReader(MAX_REQUEST_BYTES)
    this.stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // The write is over before the frame is handled: an error of a script goes to the caller of
        // `runCode()`, because the channel writes a request in the turn of the call.
        done()
        for (const frame of reader.read(chunk)) this.#handle(frame)
      },
    })
  }

  /** Ends all programs and both streams, as the death of a container does. */
  exit(): void {
    for (const { exchange } of this.#requests.values()) exchange.abandon()
    this.stdin.destroy()
    this.stdout.once('end', () => this.#exit.resolve({ exitCode: 137, oom: false, stderr: '' }))
    this.stdout.end()
  }

  async remove(): Promise<void> {
    this.exit()
    await this.exited
  }

  async kill(): Promise<void> {
    await this.remove()
  }

  /** Ends the processes of all contexts, as a lack of memory does. Returns their number. */
  loseContexts(): number {
    const lost = [...this.#contexts.keys()]
    for (const id of lost) this.#endContext(id, { signal: 'SIGKILL', cause: 'oom' })
    return lost.length
  }

  #handle({ kind, id, payload }: Frame): void {
    if (kind === Kind.bundle) return this.#hello()
    if (kind === Kind.ping) return this.#send(Kind.ping, 0, payload)
    if (kind === Kind.request) return this.#request(id, JSON.parse(payload.toString()))
    const { exchange, active } = this.#requests.get(id) ?? {}
    if (kind === Kind.credit) exchange?.addCredit(payload)
    if (kind === Kind.data) active?.input(payload.subarray(1))
    if (kind === Kind.eof) active?.endInput()
    if (kind === Kind.signal) active?.signal(payload.toString())
  }

  #hello(): void {
    const hello = { version: PROTOCOL_VERSION, language: this.language }
    this.#send(Kind.hello, 0, Buffer.from(JSON.stringify(hello)))
  }

  #request(id: number, request: Request): void {
    const send = (kind: number, ...parts: Uint8Array[]) => this.#send(kind, id, ...parts)
    const exchange = new AgentExchange(send)
    const active = this.#begin(request, exchange)
    if (exchange.isOver) return
    this.#requests.set(id, { exchange, active })
    exchange.over.addEventListener('abort', () => this.#requests.delete(id))
  }

  #begin(request: Request, exchange: AgentExchange): ActiveRequest {
    if (request.op === 'open') return this.#openContext(request, exchange)
    if (request.op === 'exec' || request.op === 'run') return this.#program(request, exchange)
    this.isUsed = true
    if (request.op === 'read' && request.path.startsWith('/proc/net/tcp')) {
      this.#writePorts(request.path)
    }
    return answerFileRequest(request, this.files, exchange)
  }

  #program(request: RunRequest | ExecRequest, exchange: AgentExchange): TestProgram {
    const context = request.op === 'run' ? request.context : undefined
    const program = new TestProgram(exchange, {
      files: this.files,
      pid: request.op === 'exec' ? this.#nextPid++ : undefined,
      crash: () => this.exit(),
      finish: (done) => {
        if (context !== undefined && done.signal) this.#endContext(context, done)
        exchange.finish(done)
      },
    })
    if (context !== undefined) this.#contexts.get(context)?.push(exchange)
    this.#start(request, program, this)
    return program
  }

  #openContext({ context }: OpenRequest, exchange: AgentExchange): ActiveRequest {
    this.isUsed = true
    this.#contexts.set(context, [exchange])
    exchange.started({ pid: this.#nextPid++ })
    return {
      input: () => {},
      endInput: () => {},
      // Between two runs an interrupt does nothing.
      signal: (name) => {
        if (name !== 'SIGINT') this.#endContext(context, { signal: name })
      },
    }
  }

  /** Ends the process of a context, and then the run in it. */
  #endContext(id: string, done: Done): void {
    const exchanges = this.#contexts.get(id) ?? []
    this.#contexts.delete(id)
    for (const exchange of exchanges) exchange.finish({ exitCode: null, ...done })
  }

  /** Makes the socket table of the kernel, in which `waitForPort()` looks. */
  #writePorts(file: string): void {
    const ports = [...this.#requests.values()].flatMap(({ active }) => active.ports ?? [])
    const hex = ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0'))
    const lines = hex.map((port) => ` 0: 00000000:${port} 00000000:0000 0A \n`)
    this.files.provide(file, lines.join(''))
  }

  #send(kind: number, id: number, ...parts: Uint8Array[]): void {
    if (this.stdout.writable && !this.isFrozen) this.stdout.write(encodeFrame(kind, id, ...parts))
  }
}
