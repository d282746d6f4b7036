import type { RunEvent } from '../../src/client/index.js'

/** Collects the events of a run while it goes on, in Node and in a page. */
export class Reader {
  readonly events: RunEvent[] = []
  /** Resolves when the loop ends, to its error or to the last event. */
  readonly over: Promise<unknown>

  constructor(run: AsyncIterable<RunEvent>) {
    this.over = this.#read(run).catch((error: unknown) => error)
  }

  get stdout(): string {
    return this.events.map((event) => (event.type === 'stdout' ? event.data : '')).join('')
  }

  async #read(run: AsyncIterable<RunEvent>): Promise<RunEvent | undefined> {
    for await (const event of run) this.events.push(event)
    return this.events.at(-1)
  }
}
