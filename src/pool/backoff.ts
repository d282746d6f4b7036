import type { SandboxError } from '../errors.js'

const FIRST_MS = 100
const LONGEST_MS = 5000

/**
 * The pause after failed launches. It doubles with each failure from 100 ms to 5 s, and has jitter.
 */
export class Backoff {
  /** The number of failed launches in a row. */
  failures = 0
  /** The error of the latest failed launch; `undefined` after a successful launch. */
  lastError: SandboxError | undefined
  /** The full duration of the current pause, in milliseconds. */
  delayMs = 0
  readonly #onEnd: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined
  }

  failed(error: SandboxError): void {
    this.failures++
    this.lastError = error
    if (this.#timer) return // Launches that fail at the same time share one pause.
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.failures - 1))
    this.delayMs = Math.ceil(longest * (0.5 + Math.random() / 2))
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#onEnd()
    }, this.delayMs).unref()
  }

  succeeded(): void {
    this.failures = 0
    this.lastError = undefined
    this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
