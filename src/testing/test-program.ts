import { Readable } from 'node:stream'
import type { Done } from '../agent/protocol.js'
import { CHUNK_BYTES, Stream } from '../agent/protocol.js'
import type { AgentExchange } from './agent-exchange.js'
import type { ActiveRequest } from './file-requests.js'
import type { MemoryFiles } from './memory-files.js'
import type { TestPart } from './results.js'
import type { TestFunction, TestRun } from './scripts.js'

type Answer = Exclude<ReturnType<TestFunction>, undefined>

/** The signals that do not end a program by default. */
const HARMLESS: ReadonlySet<string> = new Set(['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH'])
/** The exit code of code that was interrupted in a context. */
const INTERRUPTED = 130

/** The parts of a container that a program uses. */
export interface Surroundings {
  files: MemoryFiles
  /** The process id that the host gets of a command; `undefined` for code. */
  pid: number | undefined
  /** Sends the end of the program to the host. */
  finish: (done: Done) => void
  /** Ends the container. */
  crash: () => void
}

/** A program without a process. It executes the parts of an answer. */
export class TestProgram implements ActiveRequest {
  readonly stdin = new Readable({ encoding: 'utf8', read: () => {} })
  /** The TCP ports that the program listens on. */
  readonly ports: number[] = []
  readonly #exchange: AgentExchange
  readonly #around: Surroundings
  #hasAllInput = false
  #isCode = false
  #isCall = false
  #isInContext = false

  constructor(exchange: AgentExchange, around: Surroundings) {
    this.#exchange = exchange
    this.#around = around
    this.over.addEventListener('abort', () => this.endInput())
  }

  /** Aborts when the program is over. */
  get over(): AbortSignal {
    return this.#exchange.over
  }

  /** Begins to do what the answer says. */
  async run({ code, call, context }: TestRun, answer: Answer): Promise<void> {
    this.#isCode = code !== undefined
    this.#isCall = call !== undefined
    this.#isInContext = context !== undefined
    const { pid } = this.#around
    if (pid !== undefined) this.#exchange.started({ pid })
    try {
      for await (const part of partsOf(answer)) {
        if (this.#exchange.isOver || (await this.#perform(part))) return
      }
      this.#end({ exitCode: 0, signal: null, usage: usageOf({}) })
    } catch (error) {
      if (this.#exchange.isOver) return
      const message = error instanceof Error ? error.message : String(error)
      this.#end({ error: { code: 'ESCRIPT', message: message.slice(0, 1000) } })
      // Nothing catches this error, so an unhandled rejection fails the test. The app cannot
      // prevent it.
      throw error
    }
  }

  input(bytes: Buffer): void {
    this.stdin.push(bytes)
    this.#exchange.consumed(Stream.stdin, bytes.length)
  }

  endInput(): void {
    if (!this.#hasAllInput) this.stdin.push(null)
    this.#hasAllInput = true
  }

  signal(name: string): void {
    if (HARMLESS.has(name)) return
    if (!this.#isInContext || name !== 'SIGINT') {
      return this.#end({ exitCode: null, signal: name, usage: usageOf({}) })
    }
    // As in a container, a kill that follows at once is faster than the interrupt.
    queueMicrotask(() => this.#end({ exitCode: INTERRUPTED, signal: null, usage: usageOf({}) }))
  }

  #end(done: Done): void {
    if (!this.#exchange.isOver) this.#around.finish(done)
  }

  /** Does what a part says. Returns whether no part can follow. */
  async #perform(part: TestPart): Promise<boolean> {
    this.#check(part)
    const { stdout = '', stderr = '', results = [], error, files = {}, port } = part
    for (const [path, content] of Object.entries(files)) {
      this.#around.files.writeAll(path, Buffer.from(content))
    }
    if (port !== undefined) this.ports.push(port)
    await this.#exchange.write(Stream.stdout, Buffer.from(stdout))
    await this.#exchange.write(Stream.stderr, Buffer.from(stderr))
    for (const result of results) await this.#record({ type: 'result', ...result })
    if (error) await this.#record({ type: 'error', ...error })
    if ('value' in part) await this.#record({ type: 'value', value: part.value })
    return part.keepsRunning === true || this.#isEnded(part)
  }

  #check({ results, error, ...part }: TestPart): void {
    if (!this.#isCode && (results ?? error)) {
      throw new Error('a command has no results and no error, expected output and an exit code')
    }
    if (!this.#isCall && 'value' in part) {
      throw new Error('this run has no value, because it does not come from call()')
    }
  }

  async #record(record: object): Promise<void> {
    const body = Buffer.from(JSON.stringify(record))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    await this.#exchange.write(Stream.records, Buffer.concat([length, body]))
  }

  #isEnded(part: TestPart): boolean {
    const { killedBy, signal = null, error } = part
    const { exitCode = error ? 1 : undefined } = part
    if (killedBy === 'crash') this.#around.crash()
    else if (killedBy === 'output') void this.#flood()
    else if (killedBy) {
      const end = { exitCode: null, signal: 'SIGKILL', cause: killedBy }
      this.#end({ ...end, usage: usageOf(part) })
    } else if (signal ?? exitCode !== undefined) {
      this.#end({ exitCode: signal ? null : exitCode, signal, usage: usageOf(part) })
    } else return false
    return true
  }

  /** Writes until the host kills the program. */
  async #flood(): Promise<void> {
    const chunk = Buffer.alloc(CHUNK_BYTES, 'y\n')
    while (!this.#exchange.isOver) await this.#exchange.write(Stream.stdout, chunk)
  }
}

async function* partsOf(answer: Answer): AsyncGenerator<TestPart> {
  if (Symbol.asyncIterator in answer) return yield* answer
  yield* [await answer].flat()
}

function usageOf({ usage = { cpuMs: 0, maxRssBytes: undefined } }: TestPart): Done['usage'] {
  return { cpuMs: usage.cpuMs, maxRssBytes: usage.maxRssBytes }
}
