import type { SandboxError } from '../errors.js'

const FIRST_MS = 100
const LONGEST_MS = 5000

/** The pause after launches that failed: 100 ms doubling to 5 s, with jitter. */
export class Backoff {
  /** Failures in a row. */
  failures = 0
  lastError: SandboxError | undefined
  /** How long the present pause was set to last, in milliseconds. */
  delayMs = 0
  readonly #onOver: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(onOver: () => void) {
    this.#onOver = onOver
  }

  get isWaiting(): boolean {
    return this.#timer !== undefined
  }

  failed(error: SandboxError): void {
    this.failures++
    this.lastError = error
    if (this.#timer) return // launches that failed side by side share a pause
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.failures - 1))
    this.delayMs = Math.ceil(longest * (0.5 + Math.random() / 2))
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#onOver()
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
