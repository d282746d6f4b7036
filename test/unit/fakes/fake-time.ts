import { afterEach, beforeEach, vi } from 'vitest'

/** Gives each test of the file fake timers, and the platform's timers back after it. */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })
}

/**
 * Lets fake time pass, deadlines included: a deadline first waits for a turn of the event loop, for
 * which fake timers take a millisecond.
 */
export function elapse(ms: number): void {
  vi.advanceTimersByTime(ms)
  vi.advanceTimersByTime(1)
}
