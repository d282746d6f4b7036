import { afterEach, beforeEach, onTestFinished, vi } from 'vitest'

/**
 * Installs fake timers before each test of the file, and removes them after it. Spies on timers are
 * removed first, as they would put the fake timers back.
 */
export function useFakeTime(): void {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
}

/**
 * Advances the fake time so that deadlines fire too. A deadline waits for one more turn of the
 * event loop, which takes a millisecond of fake time.
 */
export function advanceTime(ms: number): void {
  vi.advanceTimersByTime(ms)
  vi.advanceTimersByTime(1)
}

/**
 * Stops the clock of `lru-cache` for one test, and returns a function that sets it, in milliseconds. The
 * cache has kept the `performance` of the process, and reads it once in a millisecond.
 */
export function useCacheClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  const clock = vi.spyOn(performance, 'now')
  onTestFinished(() => {
    clock.mockRestore()
    vi.useRealTimers()
  })
  return (ms) => {
    clock.mockReturnValue(ms)
    vi.runAllTimers()
  }
}
