import type { MovingAverage } from '../util/moving-average.js'
import { REPLACE_MS } from './queueing.js'

/** A lease is assumed to last this long until one has ended. */
const HOLD_GUESS_MS = 300
/**
 * At most so many returns are promised after the queue, and none later than this. Refused callers may
 * never come back, and a flood of them must not keep away those that do.
 */
const MOST_PROMISED = 1000
const LONGEST_MS = 600_000
/** Returns are planned for this share of the throughput, so that the queue gets shorter meanwhile. */
const USED_SHARE = 0.9

/** How long each step of a container's life takes, in milliseconds. */
interface Steps {
  launch: MovingAverage
  hold: MovingAverage
  removal: MovingAverage
}

/** The queue at the moment of a refusal. */
interface Queue {
  size: number
  /** In how many milliseconds all of them have left by their own timeouts. */
  lastLeavesInMs: number
}

/**
 * Tells refused callers when to come back. Each gets a time of its own, because callers that come
 * back together find the queue full again. The time between two returns is what one caller costs the
 * pool: it binds one of `max` places while its container launches, is held and is removed.
 */
export class RetryTimes {
  readonly #steps: Steps
  /** Returns that are promised and not due yet. A count, so that it follows the averages. */
  #promised = 0
  #at = performance.now()

  constructor(steps: Steps) {
    this.#steps = steps
  }

  /** When the next caller that `max` containers refuse may come back, in milliseconds from now. */
  next(max: number, { size, lastLeavesInMs }: Queue): number {
    const slotMs = Math.max(1, this.#boundMs / max / USED_SHARE)
    const now = performance.now()
    this.#promised = Math.max(0, this.#promised - (now - this.#at) / slotMs)
    this.#at = now
    // Callers in the queue are served or leave; the first return is due after them.
    const ahead = Math.max(this.#promised, Math.min(size, lastLeavesInMs / slotMs))
    const dueMs = (ahead + 1) * slotMs
    const longestMs = Math.min(LONGEST_MS, (size + MOST_PROMISED) * slotMs)
    // There is no time of its own left: the rest are spread by chance.
    if (dueMs > longestMs) return Math.ceil(longestMs * (0.5 + Math.random() / 2))
    this.#promised = ahead + 1
    return Math.ceil(dueMs)
  }

  /** How long one caller binds a place. */
  get #boundMs(): number {
    const { launch, hold, removal } = this.#steps
    const replaceMs = launch.value === undefined ? REPLACE_MS : launch.value + (removal.value ?? 0)
    return (hold.value ?? HOLD_GUESS_MS) + replaceMs
  }
}
