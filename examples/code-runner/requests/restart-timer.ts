/** Calls `onLate` if `ms` go by after `restart()` without another `restart()` or a `stop()`. */
export class RestartTimer {
  readonly #ms: number
  readonly #onLate: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, onLate: () => void) {
    this.#ms = ms
    this.#onLate = onLate
  }

  restart(): void {
    this.stop()
    const timer = setTimeout(() => {
      // If the event loop was busy, Node runs the timers before it reads the sockets. Wait until it
      // has read them: the bytes that have already arrived may call `restart()` or `stop()`.
      setImmediate(() => {
        if (this.#timer === timer) this.#onLate()
      })
    }, this.#ms)
    this.#timer = timer
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
