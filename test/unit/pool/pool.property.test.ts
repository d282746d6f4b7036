import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { boundsOf, defaultMax } from '../../../src/pool/warm-size.js'
import { settle } from '../fakes/fake-pool.js'
import { Steps, World } from './pool-world.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

/** Fixed, or the pool's own choice. */
const Size = fc.oneof(
  fc.nat(3),
  fc.record({ min: fc.nat(2), more: fc.integer({ min: 1, max: 3 }) }).map(({ min, more }) => ({
    min,
    max: min + more,
  })),
)

useFakeTime()

describe('a pool, whatever happens to it', () => {
  it('keeps its cap, lends each container once after use, and recovers its size', async () => {
    await fc.assert(
      fc.asyncProperty(Size, fc.integer({ min: 1, max: 3 }), Steps, async (size, more, all) => {
        vi.clearAllTimers()
        const world = new World(size, Math.max(1, boundsOf(size).max + more - 1))
        void world.pool.start()
        for (const step of all) await world.step(step)
        await world.check()

        await world.recover()
        const { idle, max, size: warm, ...rest } = world.pool.stats()
        expect(rest).toMatchObject({ starting: 0, leased: 0, recycling: 0, waiting: 0 })
        // Untouched ones come back beside those that were launched when they were taken.
        expect(idle).toBeGreaterThanOrEqual(warm)
        expect(idle).toBeLessThanOrEqual(max)
        void world.acquire({})
        await world.check()
        expect(world.callers.at(-1)?.state, 'a pool that has recovered lends').toBe('granted')

        for (const lease of world.held.values()) lease.end('released')
        await world.pool.close()
      }),
      cases(1500),
    )
  }, 120_000)

  it('ends with nothing alive, nobody waiting and no timer when it is closed', async () => {
    await fc.assert(
      fc.asyncProperty(Size, Steps, fc.nat(5000), async (size, all, deadlineMs) => {
        vi.clearAllTimers()
        const world = new World(size, defaultMax(size))
        void world.pool.start()
        for (const step of all) await world.step(step)

        const closed = world.pool.close({ deadlineMs })
        const launched = world.fake.names.length
        await settle()
        expect(world.pool.stats().waiting).toBe(0)
        expect(world.callers.filter(({ state }) => state === 'waiting')).toEqual([])
        for (const [at, step] of all.entries()) if (at % 3 === 0) await world.step(step)
        world.fake.recover()
        elapse(deadlineMs)
        await settle()
        world.fake.recover()
        await closed

        expect(world.fake.names.length, 'launched after close').toBe(launched)
        expect([...world.fake.alive.keys()]).toEqual([])
        expect(world.held.size).toBe(0)
        expect(vi.getTimerCount()).toBe(0)
      }),
      cases(800),
    )
  }, 120_000)
})
