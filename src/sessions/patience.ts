import { waitWithin } from '../util/wait.js'
import type { SessionErrors } from './session-errors.js'

/** The limits of all waits of one request together. */
export class Patience {
  readonly signal: AbortSignal | undefined
  readonly #timeoutMs: number
  readonly #errors: SessionErrors
  readonly #since = performance.now()

  constructor(timeoutMs: number, signal: AbortSignal | undefined, errors: SessionErrors) {
    this.signal = signal
    this.#timeoutMs = timeoutMs
    this.#errors = errors
  }

  /** The rest of the time, in whole milliseconds. */
  get leftMs(): number {
    return Math.max(0, Math.ceil(this.#timeoutMs - (performance.now() - this.#since)))
  }

  /**
   * Waits for the promise, which must not reject.
   *
   * @throws SandboxError `SANDBOX_ACQUIRE_TIMEOUT`, `SANDBOX_ACQUIRE_ABORTED`.
   */
  async until(promise: Promise<unknown>): Promise<void> {
    const limits = {
      timeoutMs: this.leftMs,
      signal: this.signal,
      onTimeout: () => this.#errors.timedOut(this.#timeoutMs),
      onAbort: (reason: unknown) => this.#errors.aborted(reason),
    }
    await waitWithin<void>(limits, ({ resolve }) => {
      void promise.then(() => resolve())
      return () => {}
    })
  }
}
