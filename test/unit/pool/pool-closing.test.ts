import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { fakePool, flushMicrotasks, outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('Pool.resize()', () => {
  it('launches the missing containers if the size grows', async () => {
    const { pool } = fakePool({ size: 1, max: 2 })
    await pool.start()
    pool.resize(3)
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ size: 3, max: 6, idle: 3 })
  })

  it('removes the idle containers above the size if the size shrinks', async () => {
    const { pool, launcher } = fakePool({ size: 4, max: 8 })
    await pool.start()
    pool.resize(2)
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ size: 2, max: 4, idle: 2 })
    expect(launcher.alive.size).toBe(2)
  })

  it('keeps the new size idle while it removes the other containers', async () => {
    const { pool, launcher } = fakePool({ size: 4, max: 8 })
    await pool.start()
    launcher.removeMode = 'manual'
    pool.resize(1)
    expect(pool.stats()).toMatchObject({ max: 2, idle: 1, recycling: 3 })
  })

  it('removes the leased containers above the maximum when their leases end', async () => {
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

describe('Pool.close()', () => {
  it('rejects new callers and waiting callers', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'manual'
    const waiting = pool.acquire()
    const closed = pool.close()
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(launcher.launches[0]?.signal.aborted).toBe(true)
    launcher.recover()
    await closed
    expect(launcher.alive.size).toBe(0)
  })

  it('lets leases run until the deadline, then ends them', async () => {
    const { launcher, pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close({ deadlineMs: 500 })
    vi.advanceTimersByTime(499)
    await flushMicrotasks()
    expect(lease.ended).toBeUndefined()
    advanceTime(1)
    await closed
    expect(lease.ended).toBe('closed')
    expect(launcher.alive.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not wait for the deadline if the leases end before it', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close()
    expect(lease.end('released')).toBe('recreated')
    await closed
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not end a lease that is released in the same turn as the deadline', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    const closed = pool.close({ deadlineMs: 500 })
    vi.advanceTimersByTime(500) // The timer fires before the event loop reads its input.
    await flushMicrotasks()
    lease.end('released')
    advanceTime(0)
    await closed
    expect(lease.ended).toBe('released')
  })

  it.each([
    ['the rest of the deadline', 5000, 1000, 4000],
    ['a second after the last lease', 500, 500, 1000],
  ])(
    'waits for removals during %s, then reports the remaining containers',
    async (_, deadlineMs, heldMs, leftMs) => {
      const { launcher, pool, events } = fakePool({ size: 2, max: 4 })
      await pool.start()
      launcher.launchMode = 'manual'
      launcher.removeMode = 'manual'
      const lease = await pool.acquire() // The pool begins a launch, which hangs.
      const closed = pool.close({ deadlineMs })
      advanceTime(heldMs)
      lease.end('released')
      await flushMicrotasks()
      advanceTime(leftMs - 5)
      expect(await outcomeOf(closed)).toBe('pending')
      advanceTime(5)
      expect(await outcomeOf(closed)).toBeUndefined()
      const failed = events.filter((event) => event.type === 'removeFailed')
      expect(failed.map(({ name }) => name).sort()).toEqual(launcher.names.toSorted())
      expect(failed).toHaveLength(3)
      expect(failed[0]).toMatchObject({ error: { code: 'SANDBOX_WAIT_TIMEOUT' } })
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('emits removed after removeFailed if the removal succeeds late, but no second failure', async () => {
    const { launcher, pool, types } = fakePool({ size: 2, max: 2 })
    await pool.start()
    launcher.removeMode = 'manual'
    const closed = pool.close({ deadlineMs: 0 })
    await flushMicrotasks()
    advanceTime(1000)
    await closed
    launcher.removals[0]?.resolve()
    launcher.removals[1]?.reject(new Error('no engine'))
    await flushMicrotasks()
    expect(types().slice(2)).toEqual(['removeFailed', 'removeFailed', 'removed'])
  })

  it('resolves when the last launch and the last removal have ended', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 2 })
    launcher.launchMode = 'manual'
    launcher.removeMode = 'manual'
    void pool.start()
    const closed = pool.close()
    launcher.launches[0]?.answer.reject(new Error('aborted'))
    expect(await outcomeOf(closed)).toBe('pending')
    launcher.launches[1]?.answer.resolve()
    expect(await outcomeOf(closed)).toBe('pending')
    expect(launcher.removals).toHaveLength(1)
    launcher.removals[0]?.resolve()
    expect(await outcomeOf(closed)).toBeUndefined()
  })

  it('closes once, and returns the same promise for each call', async () => {
    const { launcher, pool } = fakePool()
    await pool.start()
    const [name = ''] = launcher.names
    const container = launcher.get(name)
    expect(pool.close()).toBe(pool.close({ deadlineMs: 1 }))
    await pool.close()
    expect(container.removals).toBe(1)
  })

  it('cancels the launches that a failure has postponed', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'fails'
    await pool.start()
    await pool.close()
    vi.advanceTimersByTime(10_000)
    await flushMicrotasks()
    expect(launcher.names).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no listener on the signal of a caller', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'manual'
    const { signal } = new AbortController()
    const waiting = pool.acquire({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    void pool.close()
    expect(await outcomeOf(waiting)).toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})
