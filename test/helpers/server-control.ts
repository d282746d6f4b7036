import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import * as v from 'valibot'

/** From the root of the repository, where npm runs all scripts. */
const PRELOAD = path.resolve('test/helpers/chaos-control.mjs')
const Measured = v.object({ rss: v.number(), heapUsed: v.number(), descriptors: v.number() })

/** What a server process uses, after a garbage collection. The memory is in bytes. */
export type Measured = v.InferOutput<typeof Measured>

/** Disturbs and measures a server from inside. The server must have been started with `env`. */
export class ServerControl {
  readonly #socket = path.join(
    tmpdir(),
    `hono-sandbox-control-${randomBytes(4).toString('hex')}.sock`,
  )

  /** The variables for the server. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import=${PRELOAD}`, CHAOS_CONTROL: this.#socket }
  }

  /** Moves the clock of the server, and of nothing else. */
  async moveClock(ms: number): Promise<void> {
    await this.#ask(`/clock?ms=${ms}`)
  }

  /** Blocks the event loop of the server. Resolves when it runs again. */
  async stall(ms: number): Promise<void> {
    await this.#ask(`/stall?ms=${ms}`)
  }

  /** Deletes the socket. Call it when the server has ended. */
  forget(): void {
    rmSync(this.#socket, { force: true })
  }

  async measure(): Promise<Measured> {
    return v.parse(Measured, await this.#ask('/measure'))
  }

  #ask(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.#socket, path, agent: false }, (answer) => {
        text(answer).then((json) => resolve(JSON.parse(json)), reject)
      })
      call.once('error', reject).end()
    })
  }
}
