import type { ServerContext } from '@modelcontextprotocol/server'

/** The time between two notifications, in milliseconds: a program can print a million lines. */
const INTERVAL_MS = 250
/** The time without output after which the client learns that the program still runs. */
const HEARTBEAT_MS = 10_000
/** The greatest length of the output in a notification. The result has all of it. */
const MAX_MESSAGE_LENGTH = 1000

/**
 * Tells the client about the output of a program while it runs, if the client has asked for it. The
 * progress is the time since the start of the program, in milliseconds.
 */
export class Progress {
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout | undefined
  readonly #notify: (progress: number, message: string) => Promise<void>
  #sentAt = 0
  #output = ''

  constructor({ mcpReq }: ServerContext) {
    const progressToken = mcpReq._meta?.progressToken
    this.#notify = (progress, message) =>
      mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, message },
      })
    if (progressToken === undefined) return
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS).unref()
  }

  /** Takes a piece of output. */
  readonly write = (text: string): void => {
    if (this.#timer) this.#output = (this.#output + text).slice(-MAX_MESSAGE_LENGTH)
  }

  /** Ends the notifications. */
  end(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const progress = Math.round(performance.now() - this.#startedAt)
    if (this.#output === '' && progress - this.#sentAt < HEARTBEAT_MS) return
    const message = this.#output || `the program has run for ${Math.round(progress / 1000)} s`
    this.#output = ''
    this.#sentAt = progress
    // A client that has left is noticed by the call itself.
    this.#notify(progress, message).catch(() => {})
  }
}
