import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MovingAverage } from '../../../src/util/moving-average.js'
import { SandboxError } from '../../../src/errors.js'
import { Pool } from '../../../src/pool/pool.js'
import { RetryTimes, slotMs, tenantSlotMs } from '../../../src/pool/retry-times.js'
import type { FakeContainer, FakePool } from '../fakes/fake-pool.js'
import { FakeLauncher } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

const CALLERS = 300

useFakeTime()
beforeEach(() => {
  vi.spyOn(Math, 'random').mockImplementation(pseudoRandom(7))
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** Returns a generator of the same numbers in each run. */
function pseudoRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** Sleeps for a random time between half and one and a half of `ms`. */
const sleepAbout = (ms: number) => sleep(ms * (0.5 + Math.random()))

interface Load {
  holdMs: number
  launchMs?: number
  removalMs?: number
  timeoutMs?: number
  /** The share of the rejected callers that retry. */
  retryShare?: number
}

function poolOf({ launchMs = 120, removalMs = 40 }: Load): FakePool {
  const launcher = new FakeLauncher()
  return new Pool<FakeContainer>({
    language: 'python',
    size: 2,
    max: 2,
    maxWaiting: 100,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: async (name, signal) => {
      const container = await launcher.launch(name, signal)
      await sleepAbout(launchMs)
      return { ...container, remove: () => sleepAbout(removalMs).then(() => container.remove()) }
    },
  })
}

/** Retries until it gets a container. Waits for the given time in whole seconds, as in HTTP. */
async function acquireWithRetries(pool: FakePool, { holdMs, timeoutMs, retryShare = 1 }: Load) {
  for (let tries = 1; ; tries++) {
    try {
      const lease = await pool.acquire({ timeoutMs })
      await sleepAbout(holdMs)
      lease.end('failed')
      return tries
    } catch (error) {
      if (!(error instanceof SandboxError) || error.retryAfterMs === undefined) throw error
      if (Math.random() > retryShare) return undefined
      await sleep(Math.max(1, Math.ceil(error.retryAfterMs / 1000)) * 1000)
    }
  }
}

/** Returns the 95th percentile of the tries of a caller, after the pool has measured its times. */
async function triesOf(load: Load): Promise<number> {
  const pool = poolOf(load)
  void pool.start()
  const first = Promise.all(Array.from({ length: 20 }, () => acquireWithRetries(pool, load)))
  await vi.advanceTimersByTimeAsync(600_000)
  await first
  const all = Promise.all(Array.from({ length: CALLERS }, () => acquireWithRetries(pool, load)))
  await vi.advanceTimersByTimeAsync(3_600_000)
  const tries = (await all).filter((needed) => needed !== undefined).sort((a, b) => a - b)
  return tries[Math.floor(tries.length * 0.95)] ?? 0
}

describe('95 % of 300 callers that come at once to a pool of 2 need at most 4 tries', () => {
  it.each([
    ['with short runs', { holdMs: 10 }],
    ['with runs of seconds', { holdMs: 2500, timeoutMs: 10_000 }],
    [
      'with runs of seconds and slow launches',
      { holdMs: 2500, launchMs: 1000, removalMs: 300, timeoutMs: 10_000 },
    ],
    ['with short runs, if half of the rejected callers give up', { holdMs: 10, retryShare: 0.5 }],
    [
      'with runs of seconds, if half of the rejected callers give up',
      { holdMs: 2500, timeoutMs: 10_000, retryShare: 0.5 },
    ],
  ])('%s', async (_, load: Load) => {
    expect(await triesOf(load)).toBeLessThanOrEqual(4)
  })
})

function averageOf(ms: number): MovingAverage {
  const average = new MovingAverage()
  average.add(ms)
  return average
}

describe('RetryTimes', () => {
  /** The times of a pool of 2 that serves 20 callers a second, of which 18 are planned. */
  function withKnownTimes() {
    const [launch, hold, removal] = [averageOf(40), averageOf(50), averageOf(10)]
    const retryAfter = new RetryTimes()
    const next = (size: number, lastLeavesInMs = 10_000) =>
      retryAfter.next(slotMs({ launch, hold, removal }, 2), { size, lastLeavesInMs })
    return { hold, next }
  }

  it('returns a different time for each caller, after the waiting callers', () => {
    const { next } = withKnownTimes()
    expect([next(100), next(100), next(100)]).toEqual([5612, 5667, 5723])
  })

  it('subtracts the time that has passed from the times that it has returned', () => {
    const { next } = withKnownTimes()
    for (let caller = 0; caller < 18; caller++) next(0)
    vi.advanceTimersByTime(500)
    expect(next(0)).toBe(556)
    vi.advanceTimersByTime(60_000)
    expect(next(0)).toBe(56)
  })

  it('does not count callers whose deadline ends before they are served', () => {
    const { next } = withKnownTimes()
    expect(next(100, 1000)).toBe(1056)
  })

  it('recalculates the times that it has returned if the throughput changes', () => {
    const { hold, next } = withKnownTimes()
    for (let caller = 0; caller < 9; caller++) next(0)
    hold.add(550)
    expect(next(0)).toBe(1112)
  })

  it('spreads many rejected callers within bounds', () => {
    const { next } = withKnownTimes()
    const times = Array.from({ length: 20_000 }, () => next(100)).slice(1000)
    // The bounds are 1100 times 56 ms and half of that.
    expect(Math.max(...times)).toBeLessThanOrEqual(61_112)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(30_555)
    expect(new Set(times).size).toBeGreaterThan(5000)
    vi.advanceTimersByTime(61_200)
    expect(next(0)).toBe(56)
  })
})

it('the slot of a tenant is the average lease over its places, without launches', () => {
  expect(tenantSlotMs({ hold: averageOf(1800) }, 2)).toBe(1000)
  expect(tenantSlotMs({ hold: averageOf(1800) }, Infinity)).toBe(1)
})
