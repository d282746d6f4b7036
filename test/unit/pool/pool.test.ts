import { describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import { fakePool, outcomeOf, settle } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('start', () => {
  it('launches the size at once and tells how many came up', async () => {
    const { fake, pool } = fakePool({ size: 3, max: 6 })
    fake.launchMode = 'manual'
    const started = pool.start()
    expect(fake.launches).toHaveLength(3)
    fake.recover()
    expect(await started).toEqual({ ready: 3, total: 3, errors: [] })
  })

  it('puts what failed into the report, and tries it again', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 4 })
    fake.launchMode = 'fails'
    const report = await pool.start()
    expect(report).toMatchObject({ ready: 0, total: 2 })
    expect(report.errors.map(({ code }) => code)).toEqual([
      'SANDBOX_ENGINE_FAILED',
      'SANDBOX_ENGINE_FAILED',
    ])
    expect(report.errors[0]?.cause).toBe(fake.launchError)
    fake.launchMode = 'works'
    await vi.advanceTimersByTimeAsync(100)
    expect(pool.stats()).toMatchObject({ idle: 2, lastError: undefined })
  })

  it('keeps the code of an error that has one', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'fails'
    fake.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    expect((await pool.start()).errors).toEqual([fake.launchError])
  })

  it('is over in time, and goes on with what has not come up', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 4 })
    fake.launchMode = 'manual'
    const started = pool.start(2000)
    fake.launches[0]?.answer.resolve()
    await settle()
    elapse(1999)
    expect(await outcomeOf(started)).toBe('pending')
    elapse(1)
    expect(await outcomeOf(started)).toMatchObject({
      ready: 1,
      total: 2,
      errors: [
        { code: 'SANDBOX_WAIT_TIMEOUT', message: expect.stringContaining('its launch continues') },
      ],
    })
    fake.launches[1]?.answer.resolve()
    await settle()
    expect(pool.stats()).toMatchObject({ ready: 2, starting: 0 })
  })

  it('launches nothing in a closed pool', async () => {
    const { fake, pool } = fakePool()
    await pool.close()
    await pool.start().catch(() => {})
    expect(fake.names).toEqual([])
  })
})

describe('a lease', () => {
  it('gets an untouched container returned, and the same one lent again', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const first = await pool.acquire()
    expect(first.end('released')).toBe('returned')
    const second = await pool.acquire()
    expect(second.container).toBe(first.container)
  })

  it('gives an untouched container back, also when the refill was quicker', async () => {
    const { pool } = fakePool({ size: 1, max: 2 })
    await pool.start()
    const lease = await pool.acquire()
    await settle()
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 1 })
    expect(lease.end('released')).toBe('returned')
    expect(pool.stats()).toMatchObject({ idle: 2, leased: 0, recycling: 0 })
  })

  it('gets a used container removed and another one lent', async () => {
    const { pool, types } = fakePool({ max: 1 })
    await pool.start()
    const first = await pool.acquire()
    first.touch()
    expect(first.end('released')).toBe('recreated')
    const second = await pool.acquire()
    expect(second.container).not.toBe(first.container)
    expect(first.container.removals).toBe(1)
    await settle()
    expect(types()).toEqual(['launched', 'acquired', 'ended', 'removed', 'launched', 'acquired'])
  })

  it.each(['aborted', 'failed'] as const)('that %s counts as used', async (how) => {
    const { pool, events } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(40)
    expect(lease.end(how)).toBe('recreated')
    await settle()
    expect(events).toContainEqual({
      type: 'ended',
      name: lease.container.name,
      how,
      released: 'recreated',
      heldMs: 40,
    })
  })

  it('ends at its time to live, for whoever holds it', async () => {
    const { pool } = fakePool({ leaseTtlMs: 1000 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(999)
    expect(lease.ended).toBeUndefined()
    elapse(1)
    expect(lease.ended).toBe('ttl')
    expect(lease.signal.reason).toBe('ttl')
    await settle()
    expect(lease.container.removals).toBe(1)
  })

  it('that ends in the same turn as its time to live has ended as its holder said', async () => {
    const { pool } = fakePool({ leaseTtlMs: 1000 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(1000) // the timer fires, the input is still unread
    lease.end('released')
    elapse(0)
    expect(lease.ended).toBe('released')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer when it ends', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    expect(vi.getTimerCount()).toBe(1)
    lease.end('released')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that is over cannot end the lease of the next holder', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const stale = await pool.acquire()
    stale.end('released')
    const holder = await pool.acquire()
    expect(holder.container).toBe(stale.container)
    stale.touch()
    expect(stale.end('failed')).toBe('returned')
    expect(holder.ended).toBeUndefined()
    expect(holder.isUsed).toBe(false)
    expect(pool.stats()).toMatchObject({ leased: 1, idle: 0 })
  })
})

describe('a container that does not answer', () => {
  it('is not ready, and is lent only if there is no other', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 2 })
    await pool.start()
    const [silent = '', other] = fake.names
    fake.get(silent).isResponsive = false
    expect(pool.stats()).toMatchObject({ ready: 1, idle: 2 })
    expect((await pool.acquire()).container.name).toBe(other)
    const lease = await pool.acquire()
    expect(lease.container.name).toBe(silent)
    expect(pool.stats()).toMatchObject({ ready: 1, idle: 0, leased: 2 })
    lease.container.isResponsive = true
    expect(pool.stats().ready).toBe(2)
  })

  it('is the first that a smaller pool gives up', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 2 })
    await pool.start()
    const [kept = '', silent = ''] = fake.names
    fake.get(silent).isResponsive = false
    pool.resize(1)
    expect(pool.isRunning(kept)).toBe(true)
    expect(pool.isRunning(silent)).toBe(false)
  })
})

describe('a container', () => {
  it('is launched when one is taken, not when it comes back', async () => {
    const { fake, pool } = fakePool()
    await pool.start()
    await pool.acquire()
    expect(fake.names).toHaveLength(2)
  })

  it('that dies while idle is replaced, and never lent', async () => {
    const { fake, pool, types } = fakePool()
    await pool.start()
    const [name = ''] = fake.names
    expect(pool.isRunning(name)).toBe(true)
    fake.get(name).crash()
    await settle()
    expect(pool.isRunning(name)).toBe(false)
    await vi.advanceTimersByTimeAsync(100)
    expect(types()).toEqual(['launched', 'crashed', 'removed', 'launched'])
    expect((await pool.acquire()).container.name).not.toBe(name)
  })

  it('that dies while leased ends its lease', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    lease.container.crash()
    await settle()
    expect(lease.ended).toBe('crash')
    expect(lease.container.removals).toBe(1)
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0, recycling: 0 })
  })

  it('that cannot be removed gives its place back all the same', async () => {
    const { fake, pool, events } = fakePool({ max: 1 })
    await pool.start()
    fake.removeMode = 'fails'
    const lease = await pool.acquire()
    lease.touch()
    lease.end('released')
    await settle()
    expect(pool.stats()).toMatchObject({ idle: 1, recycling: 0 })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'removeFailed', name: lease.container.name }),
    )
  })

  it('is counted until its removal is over', async () => {
    const { fake, pool } = fakePool({ max: 1 })
    await pool.start()
    fake.removeMode = 'manual'
    const lease = await pool.acquire()
    lease.end('failed')
    await settle()
    expect(pool.stats()).toMatchObject({ recycling: 1, starting: 0 })
    expect(fake.names).toHaveLength(1)
    fake.recover()
    await settle()
    expect(pool.stats()).toMatchObject({ recycling: 0, idle: 1 })
  })
})
