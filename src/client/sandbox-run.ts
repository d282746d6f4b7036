import { deferred } from '../util/deferred.js'
import { cut, SandboxClientError } from './client-error.js'
import type { ExitEvent, RunEvent } from './event.js'

/**
 * The events of one run, and its exit. Iterate it once for the events, or call `exit()` alone to
 * read the events and drop them.
 *
 * @example
 * ```ts
 * import { runStream, SandboxRun } from 'hono-sandbox/client'
 *
 * const headers = { 'content-type': 'application/x-ndjson' }
 * const run = await runStream(() => new Response('{"type":"exit","exitCode":3}\n', { headers }))
 * console.log(run instanceof SandboxRun, (await run.exit()).exitCode)
 * ```
 */
export class SandboxRun implements AsyncIterable<RunEvent> {
  readonly #events: AsyncIterable<RunEvent>
  readonly #exit = deferred<ExitEvent>()
  #isTaken = false

  /** Used by `runStream()` and `runSocket()`. */
  constructor(events: AsyncIterable<RunEvent>) {
    this.#events = events
    this.#exit.promise.catch(() => {}) // the loop throws the same error
  }

  /**
   * Yields the events. The last one is `exit` or `error`. A loop that ends early ends the program.
   *
   * @throws SandboxClientError `cut` if the end of the program is unknown, `invalid` if the events
   * are not valid or are already read.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, undefined> {
    if (this.#isTaken) throw new SandboxClientError('invalid', 'the events are already read')
    this.#isTaken = true
    try {
      for await (const event of this.#events) {
        if (event.type === 'exit') this.#exit.resolve(event)
        if (event.type === 'error') {
          const { code, message } = event.error
          this.#exit.reject(new SandboxClientError('failed', message, { code }))
        }
        yield event
      }
    } catch (error) {
      this.#exit.reject(error)
      throw error
    } finally {
      this.#exit.reject(cut('the loop has ended before the program'))
    }
  }

  /**
   * Resolves to the `exit` event. If no loop reads the events, they are read and dropped.
   *
   * @throws SandboxClientError `failed` if the run ended with an `error` event, and the errors of
   * the loop.
   */
  async exit(): Promise<ExitEvent> {
    if (!this.#isTaken) for await (const _ of this);
    return this.#exit.promise
  }
}
