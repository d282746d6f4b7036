import type { MovingAverage } from '../util/moving-average.js'
import { REPLACE_MS } from './queueing.js'

/** The assumed duration of a lease in milliseconds, until the first lease has ended. */
const DEFAULT_HOLD_MS = 300
/**
 * The greatest number of retry times that are reserved after the queue. Refused callers may never
 * return, and a flood of them must not delay the callers that do return.
 */
const MAX_RESERVED = 1000
/** The longest time until a retry, in milliseconds. */
const LONGEST_MS = 600_000
/**
 * The share of the throughput that is reserved for retries. The rest lets the queue become shorter.
 */
const USED_SHARE = 0.9

/** The average duration of each step in the life of a container, in milliseconds. */
interface Steps {
  launch: MovingAverage
  hold: MovingAverage
  removal: MovingAverage
}

/** The state of the queue when a caller is refused. */
interface Queue {
  size: number
  /** The time in milliseconds until the last caller leaves the queue by its own timeout. */
  lastLeavesInMs: number
}

/**
 * Calculates the retry times of refused callers. Each refused caller gets a different time, because
 * callers that return at the same time would find the queue full again. The time between two
 * retries is the time for which one caller occupies one of `max` places, divided by `max`: a caller
 * occupies a place while its container launches, is leased and is removed.
 */
export class RetryTimes {
  readonly #steps: Steps
  /**
   * The number of reserved retries that are not due yet. It counts retries instead of milliseconds,
   * because the time for one retry changes with the averages.
   */
  #reserved = 0
  #at = performance.now()

  constructor(steps: Steps) {
    this.#steps = steps
  }

  /** Returns the retry time of the next refused caller, in milliseconds from now. */
  next(max: number, { size, lastLeavesInMs }: Queue): number {
    const slotMs = Math.max(1, this.#occupiedMs / max / USED_SHARE)
    const now = performance.now()
    this.#reserved = Math.max(0, this.#reserved - (now - this.#at) / slotMs)
    this.#at = now
    // The first retry is due when all callers in the queue have got a container or have left.
    const ahead = Math.max(this.#reserved, Math.min(size, lastLeavesInMs / slotMs))
    const dueMs = (ahead + 1) * slotMs
    const longestMs = Math.min(LONGEST_MS, (size + MAX_RESERVED) * slotMs)
    // All retry times are reserved: further callers get a random time.
    if (dueMs > longestMs) return Math.ceil(longestMs * (0.5 + Math.random() / 2))
    this.#reserved = ahead + 1
    return Math.ceil(dueMs)
  }

  /** The time for which one caller occupies a place, in milliseconds. */
  get #occupiedMs(): number {
    const { launch, hold, removal } = this.#steps
    const replaceMs = launch.value === undefined ? REPLACE_MS : launch.value + (removal.value ?? 0)
    return (hold.value ?? DEFAULT_HOLD_MS) + replaceMs
  }
}
