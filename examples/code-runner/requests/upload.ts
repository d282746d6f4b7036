import type { IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BodyMeter, disconnected, pieceOf, STALL_MS, stalled } from './body-limits.js'
import { RestartTimer } from './restart-timer.js'

/**
 * Yields the pieces of a body, which is read no faster than the caller takes them. The body is never
 * completely in memory.
 *
 * @throws Refusal if the body is larger than `maxBytes`, arrives in tiny chunks or stalls.
 * @throws Error `ECONNRESET` if the client disconnects.
 */
export async function* uploadOf(
  incoming: IncomingMessage,
  maxBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const meter = new BodyMeter(incoming, maxBytes)
  const arrivals = new Arrivals(incoming)
  try {
    for (;;) {
      // Each turn of the event loop reads once: the bytes that have arrived by then are one piece.
      await nextTurn()
      const piece = pieceOf(incoming)
      if (piece) {
        meter.count(piece)
        yield piece
      } else if (await arrivals.isOver()) {
        return
      }
    }
  } finally {
    arrivals.stop()
  }
}

/** Waits for the next bytes of a body, or for its end. */
class Arrivals {
  readonly #incoming: IncomingMessage
  readonly #onChange = () => this.#wake?.()
  #wake: (() => void) | undefined

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
    for (const event of EVENTS) incoming.on(event, this.#onChange)
  }

  /** Resolves when there may be further bytes, or with `true` at the end of the body. */
  async isOver(): Promise<boolean> {
    const incoming = this.#incoming
    if (!incoming.readableEnded && !incoming.destroyed) await this.#change()
    if (incoming.readableEnded) return true
    if (incoming.destroyed) throw disconnected()
    return false
  }

  stop(): void {
    for (const event of EVENTS) this.#incoming.off(event, this.#onChange)
  }

  #change(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = new RestartTimer(STALL_MS, () => reject(stalled()))
      timer.restart()
      this.#wake = () => {
        timer.stop()
        resolve()
      }
    })
  }
}

const EVENTS = ['readable', 'end', 'error', 'close'] as const
