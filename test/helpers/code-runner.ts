import { fileURLToPath } from 'node:url'
import { integer, sample } from 'fast-check'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import type { StreamEvent } from '../../middleware/index.js'
import { LANGUAGES } from '../../src/languages/built-in.js'
import { containersOf, availableImage, ownerOf } from './engine.js'
import { ServerProcess } from './server.js'
import { until, within } from './until.js'

const MAIN = fileURLToPath(new URL('../../dist/examples/code-runner/main.js', import.meta.url))

/** Without the data packages: to import them takes seconds of CPU time under gVisor. */
const PLAIN = {
  SANDBOX_BASE_PYTHON_IMAGE: await availableImage(LANGUAGES.python.images),
  SANDBOX_POOL_SIZE: '1',
}
/** The default image of `npm start`, with the data packages. */
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

/** The answer of `POST /run`. */
export type Answer = v.InferOutput<typeof Answer>

/** The path of a request, its Accept header and its signal. */
interface RequestOptions {
  path?: string
  accept?: string
  signal?: AbortSignal
}

/** The built example in a process of its own. */
export class CodeRunner {
  readonly process: ServerProcess
  readonly #size: number

  constructor(given: NodeJS.ProcessEnv) {
    const env = { ...PLAIN, ...given }
    this.process = new ServerProcess(process.execPath, [MAIN], { env })
    this.#size = Number(env.SANDBOX_POOL_SIZE)
  }

  /** Starts a code runner for one test, and kills it after the test. */
  static async ofTest(env: NodeJS.ProcessEnv): Promise<CodeRunner> {
    const runner = new CodeRunner(env)
    onTestFinished(async () => void (await runner.process.end('SIGKILL')))
    await runner.process.started()
    return runner
  }

  get url(): string {
    return this.process.url
  }

  /** Posts a string unchanged, a form as a form, and any other value as JSON. */
  post(
    body: unknown,
    { path = '/run', accept = '*/*', signal }: RequestOptions = {},
  ): Promise<Response> {
    const isForm = body instanceof FormData
    const text = typeof body === 'string' || isForm ? body : JSON.stringify(body)
    const headers = { accept, ...(!isForm && { 'content-type': 'application/json' }) }
    return fetch(this.url + path, { method: 'POST', headers, body: text, signal })
  }

  /** Posts a run, expects the status 200, and returns the answer. */
  async run(body: unknown): Promise<Answer> {
    const answer = await this.post(body)
    const text = await answer.text()
    expect(answer.status, text).toBe(200)
    return v.parse(Answer, JSON.parse(text))
  }

  stream(body: object, options: RequestOptions = {}): Promise<Response> {
    return this.post(body, { path: '/run/stream', ...options })
  }

  async languages() {
    const answer = await fetch(`${this.url}/healthz`)
    return v.parse(Health, await answer.json()).languages
  }

  async leased(): Promise<number> {
    const languages = Object.values(await this.languages())
    return languages.reduce((sum, { leased }) => sum + leased, 0)
  }

  /** Waits until no sandbox is leased, no caller waits, and the engine has only the idle containers. */
  async settled(): Promise<void> {
    const { container } = await this.run({ language: 'python', code: '' })
    const owner = ownerOf(container.name)
    await until('each pool is at its size, and the engine has no other container', async () => {
      const languages = Object.values(await this.languages())
      const isIdle = languages.every(
        ({ idle, leased, waiting }) => idle === this.#size && leased === 0 && waiting === 0,
      )
      return isIdle && (await containersOf(owner)).length === this.#size * languages.length
    })
  }

  /** Connects a client to `/run/interactive` for one test. */
  connect(): InteractiveClient {
    const client = new InteractiveClient(this.url)
    onTestFinished(() => client.socket.terminate())
    return client
  }
}

/** Starts a code runner for a block of tests. The block fails if it logs anything after its start-up. */
export function useCodeRunner(env: NodeJS.ProcessEnv): () => CodeRunner {
  let runner: CodeRunner | undefined
  beforeAll(async () => {
    runner = new CodeRunner(env)
    const line = await runner.process.started()
    expect(line).toContain(`runtime ${env.SANDBOX_RUNTIME}`)
  })
  afterAll(async () => {
    await runner?.process.end('SIGKILL')
    expect(runner?.process.lines).toEqual([])
  })
  return () => {
    if (!runner) throw new Error('the server runs only during tests')
    return runner
  }
}

/** Returns the milliseconds after which each of twenty clients disconnects. A seed has fixed values. */
export function disconnectDelays(seed: number): number[] {
  return sample(integer({ min: 0, max: 1500 }), { seed, numRuns: 20 })
}

/** A client of `/run/interactive`. */
export class InteractiveClient {
  readonly events: StreamEvent[] = []
  readonly socket: WebSocket
  /** The code with which the connection is closed. */
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

  onText(listener: (text: string) => void): void {
    this.socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') listener(data)
    })
  }

  /** Sends bytes and strings unchanged, and any other value as JSON. */
  async send(...messages: (object | string)[]): Promise<void> {
    await within('the connection is open', this.#opened)
    for (const message of messages) {
      const isRaw = typeof message === 'string' || message instanceof Uint8Array
      this.socket.send(isRaw ? message : JSON.stringify(message))
    }
  }

  async until(part: string): Promise<void> {
    await until(`the program prints ${part}`, () => this.stdout.includes(part))
  }

  get stdout(): string {
    return this.events.map((event) => (event.type === 'stdout' ? event.data : '')).join('')
  }

  /** Waits until the server closes the connection. Returns the last event and the close code. */
  async end(): Promise<[StreamEvent | undefined, number]> {
    const code = await within('the server closes the connection', this.closed)
    return [this.events.at(-1), code]
  }
}
