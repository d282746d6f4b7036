import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { boundsOf, defaultMax } from '../../../src/pool/warm-size.js'
import { flushMicrotasks } from '../fakes/fake-pool.js'
import { PoolDriver } from './pool-driver.js'
import { Steps } from './pool-steps.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

/** A fixed size, or bounds between which the pool chooses its size. */
const Size = fc.oneof(
  fc.nat(3),
  fc.record({ min: fc.nat(2), more: fc.integer({ min: 1, max: 3 }) }).map(({ min, more }) => ({
    min,
    max: min + more,
  })),
)

useFakeTime()

describe('a pool after any steps', () => {
  it('has at most its maximum, never leases a used container, and recovers its size', async () => {
    await fc.assert(
      fc.asyncProperty(Size, fc.integer({ min: 1, max: 3 }), Steps, async (size, more, all) => {
        vi.clearAllTimers()
        const driver = new PoolDriver(size, Math.max(1, boundsOf(size).max + more - 1))
        void driver.pool.start()
        for (const step of all) await driver.step(step)
        await driver.check()

        await driver.recover()
        const { idle, max, size: warm, ...rest } = driver.pool.stats()
        expect(rest).toMatchObject({ starting: 0, leased: 0, recycling: 0, waiting: 0 })
        // Unused containers return to the pool beside those that were launched in their place.
        expect(idle).toBeGreaterThanOrEqual(warm)
        expect(idle).toBeLessThanOrEqual(max)
        void driver.acquire({})
        await driver.check()
        expect(driver.callers.at(-1)?.state, 'a recovered pool leases a container').toBe('granted')

        for (const lease of driver.leases.values()) lease.end('released')
        await driver.pool.close()
      }),
      cases(1500),
    )
  }, 120_000)

  it('has no container, no waiting caller and no timer after close()', async () => {
    await fc.assert(
      fc.asyncProperty(Size, Steps, fc.nat(5000), async (size, all, deadlineMs) => {
        vi.clearAllTimers()
        const driver = new PoolDriver(size, defaultMax(size))
        void driver.pool.start()
        for (const step of all) await driver.step(step)

        const closed = driver.pool.close({ deadlineMs })
        const launched = driver.launcher.names.length
        await flushMicrotasks()
        expect(driver.pool.stats().waiting).toBe(0)
        expect(driver.callers.filter(({ state }) => state === 'waiting')).toEqual([])
        for (const [at, step] of all.entries()) if (at % 3 === 0) await driver.step(step)
        driver.launcher.recover()
        advanceTime(deadlineMs)
        await flushMicrotasks()
        driver.launcher.recover()
        await closed

        expect(driver.launcher.names.length, 'launched after close').toBe(launched)
        expect([...driver.launcher.alive.keys()]).toEqual([])
        expect(driver.leases.size).toBe(0)
        expect(vi.getTimerCount()).toBe(0)
      }),
      cases(800),
    )
  }, 120_000)
})
