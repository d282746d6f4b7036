import { fileURLToPath } from 'node:url'
import { integer, sample } from 'fast-check'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { StreamEvent } from '../../middleware/index.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { containersOf, imageThere, ownerOf } from './engine.js'
import { ServerProcess } from './server.js'
import { until, within } from './until.js'

const MAIN = fileURLToPath(new URL('../../dist/examples/code-runner/main.js', import.meta.url))

/** A container that has the data packages imported takes seconds of a processor under gVisor. */
const PLAIN = { SANDBOX_BASE_PYTHON_IMAGE: await imageThere(LANGUAGES.python.images) }
/** The server as `npm start` has it. */
export const WITH_DATA = { SANDBOX_BASE_PYTHON_IMAGE: '' }

const Answer = v.strictObject({
  stdout: v.string(),
  stderr: v.string(),
  text: v.nullable(v.string()),
  results: v.array(v.looseObject({ isMain: v.boolean() })),
  error: v.nullable(
    v.strictObject({ name: v.string(), message: v.string(), traceback: v.string() }),
  ),
  exitCode: v.nullable(v.number()),
  signal: v.nullable(v.string()),
  killedBy: v.nullable(v.string()),
  truncated: v.boolean(),
  durationMs: v.number(),
  files: v.array(
    v.strictObject({
      path: v.string(),
      mimeType: v.string(),
      size: v.number(),
      content: v.string(),
    }),
  ),
  filesOmitted: v.nullable(v.number()),
  container: v.strictObject({ name: v.string(), runtime: v.string() }),
})
const Health = v.object({
  status: v.string(),
  languages: v.record(
    v.string(),
    v.object({ idle: v.number(), leased: v.number(), waiting: v.number() }),
  ),
})

/** What `POST /run` answers. */
export type Answer = v.InferOutput<typeof Answer>

/** A request's way and how it is sent. */
interface Sending {
  path?: string
  accept?: string
  signal?: AbortSignal
}

/** The example, built, in a process of its own. */
export class CodeRunner {
  readonly process: ServerProcess

  constructor(env: NodeJS.ProcessEnv) {
    this.process = new ServerProcess(process.execPath, [MAIN], { env: { ...PLAIN, ...env } })
  }

  /** One for a test, killed after it. */
  static async ofTest(env: NodeJS.ProcessEnv): Promise<CodeRunner> {
    const runner = new CodeRunner(env)
    onTestFinished(async () => void (await runner.process.end('SIGKILL')))
    await runner.process.started()
    return runner
  }

  get url(): string {
    return this.process.url
  }

  /** Sends a text as it is, a form as one, anything else as JSON. */
  post(body: unknown, { path = '/run', accept = '*/*', signal }: Sending = {}): Promise<Response> {
    const isForm = body instanceof FormData
    const text = typeof body === 'string' || isForm ? body : JSON.stringify(body)
    const headers = { accept, ...(!isForm && { 'content-type': 'application/json' }) }
    return fetch(this.url + path, { method: 'POST', headers, body: text, signal })
  }

  /** The answer to a request that can be run. */
  async run(body: unknown): Promise<Answer> {
    const answer = await this.post(body)
    const text = await answer.text()
    expect(answer.status, text).toBe(200)
    return v.parse(Answer, JSON.parse(text))
  }

  stream(body: object, sending: Sending = {}): Promise<Response> {
    return this.post(body, { path: '/run/stream', ...sending })
  }

  async languages() {
    const answer = await fetch(`${this.url}/healthz`)
    return v.parse(Health, await answer.json()).languages
  }

  async leased(): Promise<number> {
    const languages = Object.values(await this.languages())
    return languages.reduce((sum, { leased }) => sum + leased, 0)
  }

  /** Waits until nobody holds or wants a sandbox, and the engine has no more than what is kept warm. */
  async settled(): Promise<void> {
    const { container } = await this.run({ language: 'python', code: '' })
    const owner = ownerOf(container.name)
    await until('every pool is at its size, and nothing else is there', async () => {
      const languages = Object.values(await this.languages())
      const isWhole = languages.every(
        ({ idle, leased, waiting }) => idle === 2 && leased === 0 && waiting === 0,
      )
      return isWhole && (await containersOf(owner)).length === 2 * languages.length
    })
  }

  /** A conversation of a test, over when that is. */
  talk(): Talk {
    const talk = new Talk(this.url)
    onTestFinished(() => talk.socket.terminate())
    return talk
  }
}

/** One for a block of tests. What it has logged beside its start fails the block. */
export function useCodeRunner(env: NodeJS.ProcessEnv): () => CodeRunner {
  let runner: CodeRunner | undefined
  beforeAll(async () => {
    runner = new CodeRunner(env)
    const line = await runner.process.started()
    expect(line).toContain(`runtime ${env.SANDBOX_RUNTIME}`)
  })
  afterAll(async () => {
    await runner?.process.end('SIGKILL')
    expect(runner?.process.lines).toHaveLength(1)
  })
  return () => {
    if (!runner) throw new Error('the server is there in tests only')
    return runner
  }
}

/** How long each of twenty clients stays, in milliseconds: the same in every run. */
export function patienceOfClients(seed: number): number[] {
  return sample(integer({ min: 0, max: 1500 }), { seed, numRuns: 20 })
}

/** A client of `/run/interactive`. */
export class Talk {
  readonly events: StreamEvent[] = []
  readonly socket: WebSocket
  /** The code that it is closed with. */
  readonly closed: Promise<number>
  readonly #opened: Promise<void>

  constructor(url: string) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/run/interactive`)
    this.socket.on('error', () => {}) // followed by close
    this.onText((text) => this.events.push(JSON.parse(text)))
    this.#opened = new Promise((resolve) => {
      this.socket.once('open', resolve)
    })
    this.closed = new Promise((resolve) => {
      this.socket.once('close', resolve)
    })
  }

  onText(take: (text: string) => void): void {
    this.socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') take(data)
    })
  }

  /** Sends bytes and text as they are, anything else as JSON. */
  async send(...messages: (object | string)[]): Promise<void> {
    await within('the connection is open', this.#opened)
    for (const message of messages) {
      const isRaw = typeof message === 'string' || message instanceof Uint8Array
      this.socket.send(isRaw ? message : JSON.stringify(message))
    }
  }

  async until(part: string): Promise<void> {
    await until(`the program says ${part}`, () => this.stdout.includes(part))
  }

  get stdout(): string {
    return this.events.map((event) => (event.type === 'stdout' ? event.data : '')).join('')
  }

  /** Its last event, and the code that it was closed with. */
  async end(): Promise<[StreamEvent | undefined, number]> {
    const code = await within('the server closes the connection', this.closed)
    return [this.events.at(-1), code]
  }
}
