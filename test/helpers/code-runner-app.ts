import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { createTestPool, results } from 'hono-sandbox/testing'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createApp } from '../../examples/code-runner/app.js'
import { readSettings } from '../../examples/code-runner/settings.js'
import { WEBSOCKET_OPTIONS } from '../../middleware/index.js'
import { fetchOnce, urlOf } from './http.js'

/** The token of the servers that have one. */
export const TOKEN = 'a-token-for-tests-0123456789'

/** The example app on a socket of its own, with a test pool in place of containers. */
export class CodeRunnerApp {
  readonly pool = createTestPool({
    languages: { python: {}, nodejs: {}, typescript: {} },
    evictIdle: true,
  })
  readonly #server

  constructor(env: NodeJS.ProcessEnv) {
    const { pool } = this
    pool.onExec(/ --version$/, results.stdout('Python 3.13.5\n'))
    const { fetch } = createApp({ ...readSettings({ CODE_RUNNER_RATE_LIMIT: '0', ...env }), pool })
    const websocket = { server: new WebSocketServer(WEBSOCKET_OPTIONS) }
    this.#server = serve({ fetch, port: 0, hostname: '127.0.0.1', websocket })
  }

  /** Starts an app for one test. */
  static async ofTest(env: NodeJS.ProcessEnv): Promise<CodeRunnerApp> {
    const app = new CodeRunnerApp(env)
    onTestFinished(() => app.close())
    await app.started()
    return app
  }

  get url(): string {
    return urlOf(this.#server)
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return fetchOnce(this.url + path, { redirect: 'manual', ...init })
  }

  /** Asks for a WebSocket, and returns the status of the answer. */
  async upgrade(headers: Record<string, string>): Promise<number | undefined> {
    const url = `${this.url.replace('http', 'ws')}/run/interactive`
    const socket = new WebSocket(url, { headers })
    onTestFinished(() => socket.terminate())
    socket.on('error', () => {}) // followed by close
    return Promise.race([
      once(socket, 'open').then(() => 101),
      once(socket, 'unexpected-response').then(([, response]) => response.statusCode),
    ])
  }

  async started(): Promise<void> {
    if (!this.#server.listening) await once(this.#server, 'listening')
    await this.pool.start()
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    if ('closeAllConnections' in this.#server) this.#server.closeAllConnections()
    await closed
    await this.pool.close({ deadlineMs: 0 })
  }
}

/** Starts the app for a block of tests. */
export function useApp(env: NodeJS.ProcessEnv = {}): () => CodeRunnerApp {
  let app: CodeRunnerApp | undefined
  beforeAll(async () => {
    app = new CodeRunnerApp(env)
    await app.started()
  })
  afterAll(async () => app?.close())
  return () => {
    if (!app) throw new Error('the app runs only during tests')
    return app
  }
}
