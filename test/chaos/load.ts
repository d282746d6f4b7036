import type { CheckedClient } from '../helpers/checked-client.js'
import { WAYS } from '../helpers/checked-client.js'
import { within } from '../helpers/until.js'

/** Requests in all ways, one after the other in each, until `end()`. */
export class Load {
  readonly #loops: Promise<unknown>
  #isOver = false

  constructor(clients: readonly CheckedClient[], pauseMs: number) {
    const loops = clients.flatMap((client) =>
      WAYS.map(async (way) => {
        while (!this.#isOver) await client.send({ way, language: 'python', pauseMs })
      }),
    )
    this.#loops = Promise.all(loops)
    this.#loops.catch(() => {}) // `end()` rejects
  }

  /** Waits for the last answers. Rejects if one of the answers was wrong. */
  async end(): Promise<void> {
    this.#isOver = true
    await within('all requests are answered', this.#loops, 70_000)
  }
}
