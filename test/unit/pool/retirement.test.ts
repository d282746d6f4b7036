import { expect, it } from 'vitest'
import { fakePool, flushMicrotasks } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

it('an idle container is replaced at its age, before the engine ends it', async () => {
  const { launcher, pool } = fakePool()
  launcher.retireAfterMs = 60_000
  await pool.start()
  advanceTime(59_998)
  await flushMicrotasks()
  expect(launcher.names).toHaveLength(1)
  advanceTime(1)
  await flushMicrotasks()
  expect(launcher.names).toHaveLength(2)
  expect(pool.stats()).toMatchObject({ idle: 1, recycling: 0 })
  expect([...launcher.alive.keys()]).toEqual([launcher.names[1]])
})

it('a leased container is not replaced at its age, but not leased again after it', async () => {
  const { launcher, pool } = fakePool()
  launcher.retireAfterMs = 60_000
  await pool.start()
  const lease = await pool.acquire()
  advanceTime(60_000)
  await flushMicrotasks()
  expect(lease.signal.aborted).toBe(false)
  expect(lease.end('released')).toBe('recreated')
})

it('a container without a greatest age stays', async () => {
  const { launcher, pool } = fakePool()
  await pool.start()
  advanceTime(10_000_000)
  await flushMicrotasks()
  expect(launcher.names).toHaveLength(1)
})

it('a timer of a container that has exited has no effect', async () => {
  const { launcher, pool } = fakePool({ size: 1, max: 2 })
  launcher.retireAfterMs = 60_000
  await pool.start()
  await pool.close({ deadlineMs: 0 })
  await flushMicrotasks()
  advanceTime(60_000)
  await flushMicrotasks()
  expect(launcher.names).toHaveLength(1)
})
