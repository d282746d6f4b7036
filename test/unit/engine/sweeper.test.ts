import { describe, expect, it, vi } from 'vitest'
import { Sweeper } from '../../../src/engine/sweeper.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

function sweeperOf(sweep: () => Promise<number> = () => Promise.resolve(0)) {
  const sweeps = vi.fn(sweep)
  return { sweeper: new Sweeper(sweeps), sweeps }
}

describe('a sweeper', () => {
  it('sweeps at the start and each minute after it', async () => {
    const { sweeper, sweeps } = sweeperOf()
    sweeper.start()
    expect(sweeps).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(59_999)
    expect(sweeps).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(60_001)
    expect(sweeps).toHaveBeenCalledTimes(3)
  })

  it('sweeps once soon after several failures', async () => {
    const { sweeper, sweeps } = sweeperOf()
    sweeper.start()
    await vi.advanceTimersByTimeAsync(10_000)
    for (let failure = 0; failure < 5; failure++) {
      sweeper.failed()
      await vi.advanceTimersByTimeAsync(900)
    }
    expect(sweeps).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(500)
    expect(sweeps).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(59_000)
    expect(sweeps).toHaveBeenCalledTimes(2)
  })

  it('retries soon if the sweep after a failure fails', async () => {
    const { sweeper, sweeps } = sweeperOf(() => Promise.reject(new Error('no engine')))
    sweeper.failed()
    await vi.advanceTimersByTimeAsync(15_000)
    expect(sweeps).toHaveBeenCalledTimes(3)
  })

  it('retries soon if a failure comes during a sweep that fails', async () => {
    let fail: (error: Error) => void = () => {}
    const { sweeper, sweeps } = sweeperOf(
      () =>
        new Promise((_, reject) => {
          fail = reject
        }),
    )
    sweeper.start()
    sweeper.failed()
    await vi.advanceTimersByTimeAsync(6000)
    fail(new Error('no engine'))
    await vi.advanceTimersByTimeAsync(5001)
    expect(sweeps).toHaveBeenCalledTimes(2)
  })

  it('never runs two sweeps at once', async () => {
    const { sweeper, sweeps } = sweeperOf(() => new Promise(() => {}))
    sweeper.start()
    sweeper.failed()
    await vi.advanceTimersByTimeAsync(300_000)
    expect(sweeps).toHaveBeenCalledTimes(1)
  })

  it('does not keep the process alive', () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const { sweeper } = sweeperOf()
    sweeper.failed()
    expect(timers.mock.results[0]?.value.hasRef()).toBe(false)
  })
})

describe('a sweeper that stops', () => {
  it('has no timer, and does not sweep if nothing has failed', async () => {
    const { sweeper, sweeps } = sweeperOf()
    sweeper.start()
    await vi.advanceTimersByTimeAsync(1000)
    await sweeper.stop(1000)
    sweeper.failed()
    expect(sweeps).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sweeps once more if its last sweep began before the failure', async () => {
    let finish: (count: number) => void = () => {}
    const { sweeper, sweeps } = sweeperOf(
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    sweeper.start()
    sweeper.failed()
    const stopped = sweeper.stop(1000)
    finish(0)
    await vi.advanceTimersByTimeAsync(0)
    expect(sweeps).toHaveBeenCalledTimes(2)
    finish(0)
    await stopped
  })

  it('waits for one more sweep after a failure, until its deadline', async () => {
    const { sweeper, sweeps } = sweeperOf(() => new Promise(() => {}))
    sweeper.failed()
    const stopped = sweeper.stop(1000)
    expect(sweeps).toHaveBeenCalledTimes(1)
    advanceTime(999)
    expect(await outcomeOf(stopped)).toBe('pending')
    advanceTime(1)
    expect(await outcomeOf(stopped)).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not sweep if no time is left', async () => {
    const { sweeper, sweeps } = sweeperOf()
    sweeper.failed()
    await sweeper.stop(0)
    expect(sweeps).not.toHaveBeenCalled()
  })
})
