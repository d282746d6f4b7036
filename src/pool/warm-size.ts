import { ArrivalRate } from './arrival-rate.js'
import { MovingAverage } from '../util/moving-average.js'
import { REPLACE_MS, warmFor } from './queueing.js'

/** Between what a pool sizes itself. */
export interface SizeBounds {
  /** How many are kept warm at the least, and at the start: 0 or more. */
  min: number
  /** How many are kept warm at the most: 1 or more. */
  max: number
}

/** One goes at a time, so that a quiet minute does not cost a cold start of the whole pool. */
const SHRINK_MS = 5000

/**
 * How many containers a pool keeps warm. Between bounds it is as many as callers are expected to
 * come for during one launch: more as soon as one comes, fewer one by one. A fixed size is bounds
 * with nothing between them.
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

  get now(): number {
    return this.#now
  }

  /** A number fixes the size; bounds keep it where it is between them. */
  set(size: number | SizeBounds): void {
    this.#bounds = boundsOf(size)
    this.#now = this.#within(this.#now)
    this.#shrinkLater()
  }

  /** A caller has come. The size may have risen: whoever tells this launches what is missing. */
  arrived(): void {
    this.#arrivals.add()
    if (this.#now < this.#bounds.max) this.#now = Math.max(this.#now, this.#wanted)
    this.#shrinkLater()
  }

  /** A container has come up, after so many milliseconds in line and on the way. */
  launched(tookMs: number): void {
    this.#launchMs.add(tookMs)
  }

  /** Nothing changes any more by itself. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

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

  /** There is a timer only while there is something to shrink. */
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

/** How many may live at once, where nobody says it. */
export function defaultMax(size: number | SizeBounds): number {
  return Math.max(1, boundsOf(size).max * 2)
}

/** A size as bounds: those of a number are the number. */
export function boundsOf(size: number | SizeBounds): SizeBounds {
  return typeof size === 'number' ? { min: size, max: size } : size
}
