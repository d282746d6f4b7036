import { ArrivalRate } from './arrival-rate.js'
import { MovingAverage } from '../util/moving-average.js'
import { REPLACE_MS, warmFor } from './queueing.js'

/** The bounds of the number of warm containers in a pool that sizes itself. */
export interface SizeBounds {
  /** The smallest number of warm containers: 0 or more. The pool starts with this number. */
  min: number
  /** The greatest number of warm containers: 1 or more. */
  max: number
}

/**
 * The time between two reductions of the size, in milliseconds. Each one removes one container, so
 * that a quiet minute does not empty the pool.
 */
const SHRINK_MS = 5000

/**
 * The number of containers that a pool keeps warm. Between its bounds, the size is enough for the
 * callers that are expected during one launch. It rises immediately when a caller arrives, and
 * falls by one container at a time. A fixed size is a pair of equal bounds.
 */
export class WarmSize {
  readonly #arrivals = new ArrivalRate()
  readonly #launchMs = new MovingAverage()
  readonly #onShrink: () => void
  #bounds: SizeBounds
  #now: number
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(size: number | SizeBounds, onShrink: () => void) {
    this.#onShrink = onShrink
    this.#bounds = boundsOf(size)
    this.#now = this.#bounds.min
  }

  /** The current size. */
  get now(): number {
    return this.#now
  }

  /** Sets a fixed size or new bounds. The current size stays if it is within the bounds. */
  set(size: number | SizeBounds): void {
    this.#bounds = boundsOf(size)
    this.#now = this.#within(this.#now)
    this.#shrinkLater()
  }

  /**
   * Counts a caller. The size may rise, so the pool must launch the missing containers after this
   * call.
   */
  arrived(): void {
    this.#arrivals.add()
    if (this.#now < this.#bounds.max) this.#now = Math.max(this.#now, this.#wanted)
    this.#shrinkLater()
  }

  /** Counts a launch of `tookMs` milliseconds, including its wait for other launches. */
  launched(tookMs: number): void {
    this.#launchMs.add(tookMs)
  }

  /** Stops the timer, so that the size no longer falls by itself. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** The size for the current load, within the bounds. */
  get #wanted(): number {
    const load = {
      rate: this.#arrivals.perSecond,
      launchMs: this.#launchMs.value ?? REPLACE_MS,
    }
    return this.#within(warmFor(load, { most: this.#bounds.max }))
  }

  #within(size: number): number {
    return Math.min(this.#bounds.max, Math.max(this.#bounds.min, size))
  }

  /**
   * Starts the timer for the next reduction. No timer runs while the size is at its lower bound.
   */
  #shrinkLater(): void {
    if (this.#timer || this.#isStopped || this.#now === this.#bounds.min) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#wanted < this.#now) {
        this.#now--
        this.#onShrink()
      }
      this.#shrinkLater()
    }, SHRINK_MS).unref()
  }
}

/** Returns the default of `max`, the greatest number of containers at the same time, for a size. */
export function defaultMax(size: number | SizeBounds): number {
  return Math.max(1, boundsOf(size).max * 2)
}

/** Returns the bounds of a size. Both bounds of a fixed size are that size. */
export function boundsOf(size: number | SizeBounds): SizeBounds {
  return typeof size === 'number' ? { min: size, max: size } : size
}
