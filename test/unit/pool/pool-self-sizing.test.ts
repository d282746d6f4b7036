import { describe, expect, it, vi } from 'vitest'
import { Pool } from '../../../src/pool/pool.js'
import type { FakeContainer, FakePool } from '../fakes/fake-pool.js'
import { FakeLauncher, flushMicrotasks } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

const LAUNCH_MS = 500

useFakeTime()

/** Creates a pool whose launches take time, and records the most containers alive at once. */
function selfSizingPool(size = { min: 1, max: 8 }, max = 16, launchMs = LAUNCH_MS) {
  const launcher = new FakeLauncher()
  let mostAlive = 0
  launcher.onLaunch = () => (mostAlive = Math.max(mostAlive, launcher.alive.size))
  const pool = new Pool<FakeContainer>({
    language: 'python',
    size,
    max,
    maxWaiting: 1000,
    maxPerTenant: 1,
    leaseTtlMs: 300_000,
    suffix: 'f00d42',
    launch: async (name, signal) => {
      const delay = new Promise((resolve) => setTimeout(resolve, launchMs))
      const container = await launcher.launch(name, signal)
      await delay
      return container
    },
  })
  return { launcher, pool, mostAlive: () => mostAlive }
}

/** Advances the fake time in steps, and lets the pool react after each step. */
async function advanceInSteps(ms: number, stepMs = 100): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    vi.advanceTimersByTime(stepMs)
    await flushMicrotasks()
  }
}

async function start(pool: FakePool): Promise<void> {
  const report = pool.start()
  await advanceInSteps(2000)
  await report
}

/** Acquires a container in each interval, and uses it for 100 ms. */
async function runTraffic(pool: FakePool, everyMs: number, forMs: number): Promise<void> {
  for (let at = 0; at < forMs; at += everyMs) {
    useContainer(pool)
    await advanceInSteps(everyMs, Math.min(everyMs, 50))
  }
}

function useContainer(pool: FakePool): void {
  const using = pool.acquire().then((lease) => {
    lease.touch()
    return setTimeout(() => lease.end('released'), 100)
  })
  void using.catch(() => {})
}

/** Returns the size of the pool at the end of each second. */
async function sizesDuring(pool: FakePool, ms: number): Promise<number[]> {
  const sizes: number[] = []
  for (let at = 0; at < ms; at += 1000) {
    await advanceInSteps(1000, 500)
    sizes.push(pool.stats().size)
  }
  return sizes
}

describe('a pool that sizes itself', () => {
  it('grows for a caller that waits for a lease of its own tenant when the caller gets one', async () => {
    const { pool, launcher } = selfSizingPool()
    await start(pool)
    const lease = await pool.acquire({ tenant: 'a' })
    await advanceInSteps(LAUNCH_MS)
    const { size } = pool.stats()
    const waiting = pool.acquire({ tenant: 'a' })
    expect(pool.stats()).toMatchObject({ size, idle: size, starting: 0, waiting: 1 })
    launcher.removeMode = 'manual'
    lease.end('failed')
    await waiting
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ size: size + 1, idle: size - 1, starting: 2 })
  })

  it('starts with its minimum', async () => {
    const { pool } = selfSizingPool({ min: 2, max: 8 })
    const report = pool.start()
    await advanceInSteps(LAUNCH_MS)
    expect(await report).toEqual({ ready: 2, total: 2, errors: [] })
    expect(pool.stats()).toMatchObject({ size: 2, idle: 2 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('grows with the rate of the callers, and fills its size with idle containers', async () => {
    const { pool } = selfSizingPool()
    await start(pool)
    await runTraffic(pool, 1000, 20_000)
    const slow = pool.stats().size
    await runTraffic(pool, 250, 20_000)
    const fast = pool.stats().size
    // 1 and 4 callers a second, half a second for a launch: the table has 4 and 7. One more is
    // allowed, because the pool estimates the rate.
    expect([4, 5]).toContain(slow)
    expect([7, 8]).toContain(fast)
    await advanceInSteps(1000)
    expect(pool.stats().idle).toBe(pool.stats().size)
  })

  it('never exceeds its maximum size, nor the limit of all containers', async () => {
    const { pool, mostAlive } = selfSizingPool({ min: 0, max: 4 }, 6)
    await start(pool)
    await runTraffic(pool, 20, 5000)
    expect(pool.stats()).toMatchObject({ size: 4, max: 6 })
    expect(mostAlive()).toBe(6)
  })

  it('shrinks to its minimum one by one when no caller comes, and removes the surplus', async () => {
    const { pool, launcher } = selfSizingPool()
    await start(pool)
    await runTraffic(pool, 100, 10_000)
    expect(pool.stats().size).toBe(8)
    const sizes = await sizesDuring(pool, 600_000)
    for (const [at, size] of sizes.entries()) {
      expect([0, 1]).toContain((sizes[at - 1] ?? 8) - size)
    }
    expect(sizes[10]).toBe(8)
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 })
    expect(launcher.alive.size).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('grows once and shrinks once for a burst of callers', async () => {
    const { pool } = selfSizingPool({ min: 1, max: 20 }, 40)
    await start(pool)
    for (let caller = 0; caller < 20; caller++) useContainer(pool)
    const risen = pool.stats().size
    expect(risen).toBeGreaterThan(4)
    expect(risen).toBeLessThan(20)
    const sizes = await sizesDuring(pool, 600_000)
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a))
    expect(Math.max(...sizes)).toBe(risen)
    expect(sizes.at(-1)).toBe(1)
  })

  it('keeps its size through the pauses of regular bursts', async () => {
    const { pool } = selfSizingPool({ min: 1, max: 20 }, 40)
    await start(pool)
    const sizes: number[] = []
    for (let burst = 0; burst < 10; burst++) {
      for (let caller = 0; caller < 20; caller++) useContainer(pool)
      sizes.push(...(await sizesDuring(pool, 10_000)))
    }
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
  })

  it('keeps no container after a long pause if its minimum is 0', async () => {
    const { pool } = selfSizingPool({ min: 0, max: 8 })
    useContainer(pool)
    expect(pool.stats().size).toBe(2)
    await advanceInSteps(600_000, 1000)
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps more containers if a launch takes longer', async () => {
    const [quick, slow] = [
      selfSizingPool({ min: 1, max: 20 }, 40),
      selfSizingPool({ min: 1, max: 20 }, 40, 2000),
    ]
    for (const { pool } of [quick, slow]) {
      await start(pool)
      await advanceInSteps(2000)
      await runTraffic(pool, 500, 10_000)
    }
    expect(slow.pool.stats().size).toBeGreaterThan(quick.pool.stats().size + 2)
  })
})

describe('resize() of a pool that sizes itself', () => {
  it('fixes the size if it gets a number', async () => {
    const { pool } = selfSizingPool()
    await start(pool)
    await runTraffic(pool, 100, 5000)
    pool.resize(3)
    await runTraffic(pool, 100, 5000)
    await advanceInSteps(10_000)
    expect(pool.stats()).toMatchObject({ size: 3, max: 6, idle: 3 })
    await advanceInSteps(120_000, 1000)
    expect(pool.stats()).toMatchObject({ size: 3 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('moves the size only as far as the new bounds require', async () => {
    const { pool } = selfSizingPool()
    await start(pool)
    await runTraffic(pool, 100, 5000)
    pool.resize({ min: 1, max: 5 })
    expect(pool.stats()).toMatchObject({ size: 5, max: 10 })
    pool.resize({ min: 6, max: 9 })
    expect(pool.stats()).toMatchObject({ size: 6, max: 18 })
  })

  it('removes one container at a time after a smaller minimum', async () => {
    const { pool } = selfSizingPool({ min: 6, max: 9 })
    await start(pool)
    pool.resize({ min: 1, max: 9 })
    expect(pool.stats()).toMatchObject({ size: 6, idle: 6 })
    expect(await sizesDuring(pool, 11_000)).toEqual([6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4])
    expect(pool.stats().idle).toBe(4)
  })

  it('turns a fixed size into a size that follows the rate', async () => {
    const { pool } = selfSizingPool({ min: 2, max: 2 }, 20)
    await start(pool)
    pool.resize({ min: 1, max: 8 })
    expect(pool.stats()).toMatchObject({ size: 2, max: 16 })
    await runTraffic(pool, 100, 5000)
    expect(pool.stats().size).toBe(8)
  })
})

describe('the timer of a pool that sizes itself', () => {
  it('is cleared by close(), even if the pool has just had traffic', async () => {
    const { pool } = selfSizingPool()
    await start(pool)
    await runTraffic(pool, 100, 5000)
    const closed = pool.close({ deadlineMs: 0 })
    await advanceInSteps(1000)
    await closed
    pool.resize({ min: 0, max: 3 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not start if resize() is called after close()', async () => {
    const { pool } = selfSizingPool({ min: 3, max: 3 })
    await start(pool)
    await pool.close()
    pool.resize({ min: 0, max: 3 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not keep the process alive', async () => {
    const { pool } = selfSizingPool()
    await start(pool)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const acquiring = pool.acquire()
    const shrinkTimer = timers.mock.calls.findIndex(([, delayMs]) => delayMs === 5000)
    expect(timers.mock.results[shrinkTimer]?.value.hasRef()).toBe(false)
    const lease = await acquiring
    lease.end('released')
  })
})
