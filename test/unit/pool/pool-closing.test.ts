import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { fakePool, outcomeOf, settle } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('resize', () => {
  it('up launches what is missing', async () => {
    const { pool } = fakePool({ size: 1, max: 2 })
    await pool.start()
    pool.resize(3)
    await settle()
    expect(pool.stats()).toMatchObject({ size: 3, max: 6, idle: 3 })
  })

  it('down removes what is idle above the size', async () => {
    const { pool, fake } = fakePool({ size: 4, max: 8 })
    await pool.start()
    pool.resize(2)
    await settle()
    expect(pool.stats()).toMatchObject({ size: 2, max: 4, idle: 2 })
    expect(fake.alive.size).toBe(2)
  })

  it('below what lives keeps the size warm', async () => {
    const { pool, fake } = fakePool({ size: 4, max: 8 })
    await pool.start()
    fake.removeMode = 'manual'
    pool.resize(1)
    expect(pool.stats()).toMatchObject({ max: 2, idle: 1, recycling: 3 })
  })

  it('down lets leased ones above the cap go when their lease ends', async () => {
    const { pool } = fakePool({ size: 3, max: 3 })
    await pool.start()
    const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()]
    pool.resize(1, 1)
    expect(leases.map((lease) => lease.end('released'))).toEqual([
      'recreated',
      'recreated',
      'returned',
    ])
  })
})

describe('close', () => {
  it('refuses new callers and those that wait', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'manual'
    const waiting = pool.acquire()
    const closed = pool.close()
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(fake.launches[0]?.signal.aborted).toBe(true)
    fake.recover()
    await closed
    expect(fake.alive.size).toBe(0)
  })

  it('gives leases until the deadline, then ends them', async () => {
    const { fake, pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close({ deadlineMs: 500 })
    vi.advanceTimersByTime(499)
    await settle()
    expect(lease.ended).toBeUndefined()
    elapse(1)
    await closed
    expect(lease.ended).toBe('closed')
    expect(fake.alive.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not wait for the deadline when the leases end before', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close()
    expect(lease.end('released')).toBe('recreated')
    await closed
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not end a lease whose end comes in the same turn as the deadline', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close({ deadlineMs: 500 })
    vi.advanceTimersByTime(500) // the timer fires, the input is still unread
    await settle()
    lease.end('released')
    elapse(0)
    await closed
    expect(lease.ended).toBe('released')
  })

  it.each([
    ['the rest of the deadline', 5000, 1000, 4000],
    ['a second after the last lease', 500, 500, 1000],
  ])('gives removals %s, and tells what is not gone', async (_, deadlineMs, heldMs, leftMs) => {
    const { fake, pool, events } = fakePool({ size: 2, max: 4 })
    await pool.start()
    fake.launchMode = 'manual'
    fake.removeMode = 'manual'
    const lease = await pool.acquire() // a launch begins, and hangs
    const closed = pool.close({ deadlineMs })
    elapse(heldMs)
    lease.end('released')
    await settle()
    elapse(leftMs - 5)
    expect(await outcomeOf(closed)).toBe('pending')
    elapse(5)
    expect(await outcomeOf(closed)).toBeUndefined()
    const failed = events.filter(({ type }) => type === 'removeFailed')
    expect(failed.map(({ name }) => name).sort()).toEqual(fake.names.toSorted())
    expect(failed).toHaveLength(3)
    expect(failed[0]).toMatchObject({ error: { code: 'SANDBOX_WAIT_TIMEOUT' } })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('tells of a container that is gone after it was told as failed, not of a second failure', async () => {
    const { fake, pool, types } = fakePool({ size: 2, max: 2 })
    await pool.start()
    fake.removeMode = 'manual'
    const closed = pool.close({ deadlineMs: 0 })
    await settle()
    elapse(1000)
    await closed
    fake.removals[0]?.resolve()
    fake.removals[1]?.reject(new Error('no engine'))
    await settle()
    expect(types().slice(2)).toEqual(['removeFailed', 'removeFailed', 'removed'])
  })

  it('is over when the last launch and the last removal are', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 2 })
    fake.launchMode = 'manual'
    fake.removeMode = 'manual'
    void pool.start()
    const closed = pool.close()
    fake.launches[0]?.answer.reject(new Error('aborted'))
    expect(await outcomeOf(closed)).toBe('pending')
    fake.launches[1]?.answer.resolve()
    expect(await outcomeOf(closed)).toBe('pending')
    expect(fake.removals).toHaveLength(1)
    fake.removals[0]?.resolve()
    expect(await outcomeOf(closed)).toBeUndefined()
  })

  it('is done once, however often it is asked for', async () => {
    const { fake, pool } = fakePool()
    await pool.start()
    const [name = ''] = fake.names
    const container = fake.get(name)
    expect(pool.close()).toBe(pool.close({ deadlineMs: 1 }))
    await pool.close()
    expect(container.removals).toBe(1)
  })

  it('stops the launches that a failure put off', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'fails'
    await pool.start()
    await pool.close()
    vi.advanceTimersByTime(10_000)
    await settle()
    expect(fake.names).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no listener on a signal of a caller', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'manual'
    const { signal } = new AbortController()
    const waiting = pool.acquire({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    void pool.close()
    expect(await outcomeOf(waiting)).toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
