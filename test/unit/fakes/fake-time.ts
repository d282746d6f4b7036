import { vi } from 'vitest'

/**
 * Lets fake time pass, deadlines included: a deadline first waits for a turn of the event loop, for
 * which fake timers take a millisecond.
 */
export function elapse(ms: number): void {
  vi.advanceTimersByTime(ms)
  vi.advanceTimersByTime(1)
}
