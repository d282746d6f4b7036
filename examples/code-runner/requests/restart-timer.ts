/** Calls `onLate` if `ms` go by after `restart()` without another `restart()` or a `stop()`. */
export class RestartTimer {
  readonly #ms: number
  readonly #onLate: () => void
  #timer: NodeJS.Timeout | undefined
  #reading: NodeJS.Immediate | undefined

  constructor(ms: number, onLate: () => void) {
    this.#ms = ms
    this.#onLate = onLate
  }

  restart(): void {
    this.stop()
    this.#timer = setTimeout(() => {
      // If the event loop was busy, Node runs the timers before it reads the sockets. Wait until it
      // has read them: the bytes that have already arrived may call `restart()` or `stop()`.
      this.#reading = setImmediate(this.#onLate)
    }, this.#ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#reading)
  }
}
