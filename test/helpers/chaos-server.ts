import path from 'node:path'
import * as v from 'valibot'
import { fetchOnce } from './http.js'
import { ServerControl } from './server-control.js'
import { ServerProcess } from './server.js'
import { until } from './until.js'

/** From the root of the repository, where npm runs all scripts. */
const MAIN = path.resolve('dist/examples/code-runner/main.js')

/** Python, Node and TypeScript. */
const LANGUAGES = 3

const Health = v.object({
  languages: v.record(
    v.string(),
    v.object({ idle: v.number(), leased: v.number(), waiting: v.number() }),
  ),
})
const Refusal = v.object({ error: v.object({ code: v.string() }) })
const Answer = v.object({ stdout: v.string(), container: v.object({ name: v.string() }) })

interface ChaosServerOptions {
  runtime: string
  /** The number of warm containers of each language. */
  size: number
  env?: NodeJS.ProcessEnv
}

/** The code runner in a process of its own, which a test disturbs. */
export class ChaosServer {
  readonly process: ServerProcess
  readonly control = new ServerControl()
  readonly runtime: string
  readonly #size: number

  constructor({ runtime, size, env }: ChaosServerOptions) {
    this.runtime = runtime
    this.#size = size
    this.process = new ServerProcess(process.execPath, [MAIN], {
      env: {
        SANDBOX_RUNTIME: runtime,
        SANDBOX_POOL_SIZE: String(size),
        SANDBOX_BASE_PYTHON_IMAGE: 'hono-sandbox/python:bookworm',
        SANDBOX_BASE_NODEJS_IMAGE: 'hono-sandbox/nodejs:24',
        CODE_RUNNER_RATE_LIMIT: '0',
        ...this.control.env,
        ...env,
      },
    })
  }

  get url(): string {
    return this.process.url
  }

  /** Sends the signal, also to a frozen server. Returns the exit code, or the signal that ended it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null> {
    this.process.child.kill('SIGCONT')
    const end = await this.process.end(signal)
    this.control.forget()
    return end
  }

  /** The status of `GET /readyz`. */
  async readyStatus(): Promise<number> {
    const answer = await fetchOnce(`${this.url}/readyz`, { signal: AbortSignal.timeout(60_000) })
    await answer.body?.cancel()
    return answer.status
  }

  /** Waits until `GET /readyz` has the status. */
  async untilReady(status: 200 | 503): Promise<void> {
    const description = `readyz of the server under ${this.runtime} is ${status}`
    await until(description, async () => (await this.readyStatus()) === status, 60_000)
  }

  /** Runs a program that prints `out`. Returns the name of its container. */
  async run(): Promise<string> {
    const answer = await this.post('/run', { language: 'python', code: 'print("out")' })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`a run has the status ${answer.status}: ${text}`)
    const { stdout, container } = v.parse(Answer, JSON.parse(text))
    if (stdout !== 'out\n') throw new Error(`a run printed ${stdout}`)
    return container.name
  }

  post(path: string, body: object): Promise<Response> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const signal = AbortSignal.timeout(60_000)
    return fetchOnce(this.url + path, { ...init, body: JSON.stringify(body), signal })
  }

  /** Waits until a program of Python has a container. */
  async untilLeased(): Promise<void> {
    await until('the program has a lease', async () => {
      return ((await this.#languages()).python?.leased ?? 0) > 0
    })
  }

  /** Runs a program that must be refused. Returns the code of the error. */
  async refusal(): Promise<string> {
    const answer = await this.post('/run', { language: 'python', code: '1' })
    const text = await answer.text()
    if (answer.status !== 503) throw new Error(`the status is ${answer.status}: ${text}`)
    return v.parse(Refusal, JSON.parse(text)).error.code
  }

  /** Whether each language has all of its warm containers and no lease and no caller. */
  async isFull(): Promise<boolean> {
    return Object.values(await this.#languages()).every(
      ({ idle, leased, waiting }) => idle === this.#size && leased === 0 && waiting === 0,
    )
  }

  /** The number of containers of all languages without load. */
  get capacity(): number {
    return LANGUAGES * this.#size
  }

  /** @throws Error if the process has exited, or has logged anything but failures of its pool. */
  check(): void {
    const { child, lines } = this.process
    const foreign = lines.filter((line) => !/"event":"(?:launch|remove)Failed"/.test(line))
    if (child.exitCode === null && child.signalCode === null && foreign.length === 0) return
    const end = child.signalCode ?? child.exitCode ?? 'is alive'
    throw new Error(`the server ${end}, and has logged:\n${foreign.join('\n')}`)
  }

  async #languages() {
    const answer = await fetchOnce(`${this.url}/healthz`, { signal: AbortSignal.timeout(60_000) })
    return v.parse(Health, await answer.json()).languages
  }
}

/**
 * The longest time until everything is healthy again after the last fault. A server that is killed can
 * leave a container that was never started. Another server removes it when it is a minute old, by a sweep
 * that runs each minute.
 */
export const RECOVERY_MS = 150_000

/**
 * Waits until all pools of the servers are full, and the engine has their containers and no other. Then
 * each server must say that it is ready, and run a program at once.
 *
 * @throws Error if a server has exited, or has logged anything but failures of its pool.
 */
export async function untilHealthy(
  servers: readonly ChaosServer[],
  containers: () => Promise<string[]>,
): Promise<void> {
  await untilFull(servers, containers)
  for (const server of servers) {
    const status = await server.readyStatus()
    if (status !== 200) throw new Error(`the pools are full, and readyz has the status ${status}`)
    await server.run()
  }
  await untilFull(servers, containers)
}

async function untilFull(
  servers: readonly ChaosServer[],
  containers: () => Promise<string[]>,
): Promise<void> {
  const total = servers.reduce((sum, { capacity }) => sum + capacity, 0)
  let found: string[] = []
  const isFull = async () => {
    for (const server of servers) server.check()
    found = await containers()
    const states = await Promise.all(servers.map((server) => server.isFull()))
    return states.every(Boolean) && found.length === total
  }
  const description = `the engine has the ${total} containers of the full pools`
  await until(description, isFull, RECOVERY_MS).catch((error: Error) => {
    throw new Error(`${error.message}; it has ${found.join(', ')}`)
  })
}
