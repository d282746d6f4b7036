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
export interface Steps {
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
 * Returns the time in milliseconds from one caller to the next in a pool of `max` places. A caller
 * occupies a place while its container launches, is leased and is removed.
 */
export function slotMs({ launch, hold, removal }: Steps, max: number): number {
  const replaceMs = launch.value === undefined ? REPLACE_MS : launch.value + (removal.value ?? 0)
  return toSlot((hold.value ?? DEFAULT_HOLD_MS) + replaceMs, max)
}

/**
 * Returns the time in milliseconds from one caller to the next of a tenant that may hold `leases` at
 * once. The lease alone occupies a place of the tenant.
 */
export function tenantSlotMs({ hold }: Pick<Steps, 'hold'>, leases: number): number {
  return toSlot(hold.value ?? DEFAULT_HOLD_MS, leases)
}

function toSlot(occupiedMs: number, places: number): number {
  return Math.max(1, occupiedMs / places / USED_SHARE)
}

/**
 * Calculates the retry times of refused callers. Each refused caller gets a different time, because
 * callers that return at the same time would find the queue full again. A slot is the time between
 * two retries.
 */
export class RetryTimes {
  /**
   * The number of reserved retries that are not due yet. It counts retries instead of milliseconds,
   * because the time for one retry changes with the averages.
   */
  #reserved = 0
  #at = performance.now()

  /** Returns the retry time of the next refused caller, in milliseconds from now. */
  next(slotMs: number, { size, lastLeavesInMs }: Queue): number {
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
}
