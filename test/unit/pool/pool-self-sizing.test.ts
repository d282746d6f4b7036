import { describe, expect, it, vi } from 'vitest'
import { Pool } from '../../../src/pool/pool.js'
import type { FakeContainer, FakePool } from '../fakes/fake-pool.js'
import { FakeLauncher, settle } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

const LAUNCH_MS = 500

useFakeTime()

/** A pool whose launches take their time, and what is counted of it at each step. */
function sizedPool(size = { min: 1, max: 8 }, max = 16, launchMs = LAUNCH_MS) {
  const fake = new FakeLauncher()
  let most = 0
  fake.onLaunch = () => (most = Math.max(most, fake.alive.size))
  const pool = new Pool<FakeContainer>({
    language: 'python',
    size,
    max,
    maxWaiting: 1000,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: async (name, signal) => {
      const took = new Promise((resolve) => setTimeout(resolve, launchMs))
      const container = await fake.launch(name, signal)
      await took
      return container
    },
  })
  return { fake, pool, mostAlive: () => most }
}

/** Time passes in steps, so that what a step does is noticed before the next. */
async function pass(ms: number, step = 100): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    vi.advanceTimersByTime(step)
    await settle()
  }
}

async function started(pool: FakePool): Promise<void> {
  const report = pool.start()
  await pass(2000)
  await report
}

/** A caller every so many milliseconds, each of which uses its container for a moment. */
async function traffic(pool: FakePool, everyMs: number, forMs: number): Promise<void> {
  for (let at = 0; at < forMs; at += everyMs) {
    call(pool)
    await pass(everyMs, Math.min(everyMs, 50))
  }
}

function call(pool: FakePool): void {
  const using = pool.acquire().then((lease) => {
    lease.touch()
    return setTimeout(() => lease.end('released'), 100)
  })
  void using.catch(() => {})
}

async function sizesWhile(pool: FakePool, ms: number): Promise<number[]> {
  const sizes: number[] = []
  for (let at = 0; at < ms; at += 1000) {
    await pass(1000, 500)
    sizes.push(pool.stats().size)
  }
  return sizes
}

describe('a pool that sizes itself', () => {
  it('starts with its least', async () => {
    const { pool } = sizedPool({ min: 2, max: 8 })
    const report = pool.start()
    await pass(LAUNCH_MS)
    expect(await report).toEqual({ ready: 2, total: 2, errors: [] })
    expect(pool.stats()).toMatchObject({ size: 2, idle: 2 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('rises with the rate, and has that many warm', async () => {
    const { pool } = sizedPool()
    await started(pool)
    await traffic(pool, 1000, 20_000)
    const slow = pool.stats().size
    await traffic(pool, 250, 20_000)
    const fast = pool.stats().size
    // 1 and 4 a second, half a second each: 4 and 7 by the table, one more for what is in doubt.
    expect([4, 5]).toContain(slow)
    expect([7, 8]).toContain(fast)
    await pass(1000)
    expect(pool.stats().idle).toBe(pool.stats().size)
  })

  it('never passes its most, nor the cap', async () => {
    const { pool, mostAlive } = sizedPool({ min: 0, max: 4 }, 6)
    await started(pool)
    await traffic(pool, 20, 5000)
    expect(pool.stats()).toMatchObject({ size: 4, max: 6 })
    expect(mostAlive()).toBe(6)
  })

  it('falls to its least after quiet, one by one, and removes what it has too many', async () => {
    const { pool, fake } = sizedPool()
    await started(pool)
    await traffic(pool, 100, 10_000)
    expect(pool.stats().size).toBe(8)
    const sizes = await sizesWhile(pool, 600_000)
    for (const [at, size] of sizes.entries()) {
      expect([0, 1]).toContain((sizes[at - 1] ?? 8) - size)
    }
    expect(sizes[10]).toBe(8)
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 })
    expect(fake.alive.size).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('rises once and falls once for a burst', async () => {
    const { pool } = sizedPool({ min: 1, max: 20 }, 40)
    await started(pool)
    for (let caller = 0; caller < 20; caller++) call(pool)
    const risen = pool.stats().size
    expect(risen).toBeGreaterThan(4)
    expect(risen).toBeLessThan(20)
    const sizes = await sizesWhile(pool, 600_000)
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a))
    expect(Math.max(...sizes)).toBe(risen)
    expect(sizes.at(-1)).toBe(1)
  })

  it('keeps its size through the pauses of regular bursts', async () => {
    const { pool } = sizedPool({ min: 1, max: 20 }, 40)
    await started(pool)
    const sizes: number[] = []
    for (let burst = 0; burst < 10; burst++) {
      for (let caller = 0; caller < 20; caller++) call(pool)
      sizes.push(...(await sizesWhile(pool, 10_000)))
    }
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
  })

  it('has none after long quiet where none is its least', async () => {
    const { pool } = sizedPool({ min: 0, max: 8 })
    call(pool)
    expect(pool.stats().size).toBe(2)
    await pass(600_000, 1000)
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps more where a launch takes longer', async () => {
    const [quick, slow] = [
      sizedPool({ min: 1, max: 20 }, 40),
      sizedPool({ min: 1, max: 20 }, 40, 2000),
    ]
    for (const { pool } of [quick, slow]) {
      await started(pool)
      await pass(2000)
      await traffic(pool, 500, 10_000)
    }
    expect(slow.pool.stats().size).toBeGreaterThan(quick.pool.stats().size + 2)
  })
})

describe('resize of a pool that sizes itself', () => {
  it('to a number fixes the size', async () => {
    const { pool } = sizedPool()
    await started(pool)
    await traffic(pool, 100, 5000)
    pool.resize(3)
    await traffic(pool, 100, 5000)
    await pass(10_000)
    expect(pool.stats()).toMatchObject({ size: 3, max: 6, idle: 3 })
    await pass(120_000, 1000)
    expect(pool.stats()).toMatchObject({ size: 3 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('to bounds moves the size between them, and no further', async () => {
    const { pool } = sizedPool()
    await started(pool)
    await traffic(pool, 100, 5000)
    pool.resize({ min: 1, max: 5 })
    expect(pool.stats()).toMatchObject({ size: 5, max: 10 })
    pool.resize({ min: 6, max: 9 })
    expect(pool.stats()).toMatchObject({ size: 6, max: 18 })
  })

  it('to a smaller least gives up one container at a time', async () => {
    const { pool } = sizedPool({ min: 6, max: 9 })
    await started(pool)
    pool.resize({ min: 1, max: 9 })
    expect(pool.stats()).toMatchObject({ size: 6, idle: 6 })
    expect(await sizesWhile(pool, 11_000)).toEqual([6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4])
    expect(pool.stats().idle).toBe(4)
  })

  it('makes a fixed size one that follows the rate', async () => {
    const { pool } = sizedPool({ min: 2, max: 2 }, 20)
    await started(pool)
    pool.resize({ min: 1, max: 8 })
    expect(pool.stats()).toMatchObject({ size: 2, max: 16 })
    await traffic(pool, 100, 5000)
    expect(pool.stats().size).toBe(8)
  })
})

it('has no timer once it is closed, whatever comes then', async () => {
  const { pool } = sizedPool()
  await started(pool)
  await traffic(pool, 100, 5000)
  const closed = pool.close({ deadlineMs: 0 })
  await pass(1000)
  await closed
  pool.resize({ min: 0, max: 3 })
  expect(vi.getTimerCount()).toBe(0)
})

it('gets no timer by a resize after it was closed', async () => {
  const { pool } = sizedPool({ min: 3, max: 3 })
  await started(pool)
  await pool.close()
  pool.resize({ min: 0, max: 3 })
  expect(vi.getTimerCount()).toBe(0)
})

it('does not keep the process alive for what it may shrink', async () => {
  const { pool } = sizedPool()
  await started(pool)
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const call = pool.acquire()
  const shrinking = timers.mock.calls.findIndex(([, delayMs]) => delayMs === 5000)
  expect(timers.mock.results[shrinking]?.value.hasRef()).toBe(false)
  const lease = await call
  lease.end('released')
})
