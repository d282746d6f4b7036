import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MovingAverage } from '../../../src/util/moving-average.js'
import { SandboxError } from '../../../src/errors.js'
import { Pool } from '../../../src/pool/pool.js'
import { RetryTimes } from '../../../src/pool/retry-times.js'
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

/** The same numbers in each run. */
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

/** About so long: between half of it and one and a half. */
const about = (ms: number) => sleep(ms * (0.5 + Math.random()))

interface Load {
  holdMs: number
  launchMs?: number
  removalMs?: number
  timeoutMs?: number
  /** Which share of the refused callers comes back. */
  returning?: number
}

function poolOf({ launchMs = 120, removalMs = 40 }: Load): FakePool {
  const fake = new FakeLauncher()
  return new Pool<FakeContainer>({
    language: 'python',
    size: 2,
    max: 2,
    maxWaiting: 100,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: async (name, signal) => {
      const container = await fake.launch(name, signal)
      await about(launchMs)
      return { ...container, remove: () => about(removalMs).then(() => container.remove()) }
    },
  })
}

/** Calls until it has had a container, and waits as it is told, in whole seconds as HTTP says it. */
async function obedient(pool: FakePool, { holdMs, timeoutMs, returning = 1 }: Load) {
  for (let tries = 1; ; tries++) {
    try {
      const lease = await pool.acquire({ timeoutMs })
      await about(holdMs)
      lease.end('failed')
      return tries
    } catch (error) {
      if (!(error instanceof SandboxError) || error.retryAfterMs === undefined) throw error
      if (Math.random() > returning) return undefined
      await sleep(Math.max(1, Math.ceil(error.retryAfterMs / 1000)) * 1000)
    }
  }
}

/** How many tries the callers needed of whom 95 % needed no more, once the pool knows its times. */
async function triesOf(load: Load): Promise<number> {
  const pool = poolOf(load)
  void pool.start()
  const first = Promise.all(Array.from({ length: 20 }, () => obedient(pool, load)))
  await vi.advanceTimersByTimeAsync(600_000)
  await first
  const all = Promise.all(Array.from({ length: CALLERS }, () => obedient(pool, load)))
  await vi.advanceTimersByTimeAsync(3_600_000)
  const tries = (await all).filter((needed) => needed !== undefined).sort((a, b) => a - b)
  return tries[Math.floor(tries.length * 0.95)] ?? 0
}

describe('of 300 callers that come at once on a pool of 2, 95 % need at most 4 tries', () => {
  it.each([
    ['short runs', { holdMs: 10 }],
    ['runs of seconds', { holdMs: 2500, timeoutMs: 10_000 }],
    [
      'runs of seconds, slow launches',
      { holdMs: 2500, launchMs: 1000, removalMs: 300, timeoutMs: 10_000 },
    ],
    ['short runs, half of the refused never return', { holdMs: 10, returning: 0.5 }],
    [
      'runs of seconds, half of the refused never return',
      { holdMs: 2500, timeoutMs: 10_000, returning: 0.5 },
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
  /** A pool of 2 with a known throughput: 20 callers a second, of which 18 are planned. */
  function known() {
    const [launch, hold, removal] = [averageOf(40), averageOf(50), averageOf(10)]
    const retryAfter = new RetryTimes({ launch, hold, removal })
    const next = (size: number, lastLeavesInMs = 10_000) =>
      retryAfter.next(2, { size, lastLeavesInMs })
    return { hold, next }
  }

  it('gives each caller a time of its own, after those that wait', () => {
    const { next } = known()
    expect([next(100), next(100), next(100)]).toEqual([5612, 5667, 5723])
  })

  it('takes time off what it has promised', () => {
    const { next } = known()
    for (let caller = 0; caller < 18; caller++) next(0)
    vi.advanceTimersByTime(500)
    expect(next(0)).toBe(556)
    vi.advanceTimersByTime(60_000)
    expect(next(0)).toBe(56)
  })

  it('does not count callers that leave the queue before their turn', () => {
    const { next } = known()
    expect(next(100, 1000)).toBe(1056)
  })

  it('follows the throughput with what it has promised already', () => {
    const { hold, next } = known()
    for (let caller = 0; caller < 9; caller++) next(0)
    hold.add(550)
    expect(next(0)).toBe(1112)
  })

  it('spreads a flood of refusals within bounds', () => {
    const { next } = known()
    const told = Array.from({ length: 20_000 }, () => next(100)).slice(1000)
    // 1100 times 56 ms, and half of it.
    expect(Math.max(...told)).toBeLessThanOrEqual(61_112)
    expect(Math.min(...told)).toBeGreaterThanOrEqual(30_555)
    expect(new Set(told).size).toBeGreaterThan(5000)
    vi.advanceTimersByTime(61_200)
    expect(next(0)).toBe(56)
  })
})
