import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import { fakePool, flushMicrotasks, outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('Pool.start()', () => {
  it('launches all containers at once and reports how many are ready', async () => {
    const { launcher, pool } = fakePool({ size: 3, max: 6 })
    launcher.launchMode = 'manual'
    const started = pool.start()
    expect(launcher.launches).toHaveLength(3)
    launcher.recover()
    expect(await started).toEqual({ ready: 3, total: 3, errors: [] })
  })

  it('reports the launches that failed, and retries them', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 4 })
    launcher.launchMode = 'fails'
    const report = await pool.start()
    expect(report).toMatchObject({ ready: 0, total: 2 })
    expect(report.errors.map(({ code }) => code)).toEqual([
      'SANDBOX_ENGINE_FAILED',
      'SANDBOX_ENGINE_FAILED',
    ])
    expect(report.errors[0]?.cause).toBe(launcher.launchError)
    launcher.launchMode = 'works'
    await vi.advanceTimersByTimeAsync(100)
    expect(pool.stats()).toMatchObject({ idle: 2, lastError: undefined })
  })

  it('reports a SandboxError unchanged', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    expect((await pool.start()).errors).toEqual([launcher.launchError])
  })

  it('resolves at its deadline, and continues the launches that have not ended', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 4 })
    launcher.launchMode = 'manual'
    const started = pool.start(2000)
    launcher.launches[0]?.answer.resolve()
    await flushMicrotasks()
    advanceTime(1999)
    expect(await outcomeOf(started)).toBe('pending')
    advanceTime(1)
    expect(await outcomeOf(started)).toMatchObject({
      ready: 1,
      total: 2,
      errors: [
        { code: 'SANDBOX_WAIT_TIMEOUT', message: expect.stringContaining('its launch continues') },
      ],
    })
    launcher.launches[1]?.answer.resolve()
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ ready: 2, starting: 0 })
  })

  it('launches nothing in a closed pool', async () => {
    const { launcher, pool } = fakePool()
    await pool.close()
    await pool.start().catch(() => {})
    expect(launcher.names).toEqual([])
  })
})

describe('a lease', () => {
  it('returns an unused container, which the next lease gets', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const first = await pool.acquire()
    expect(first.end('released')).toBe('returned')
    const second = await pool.acquire()
    expect(second.container).toBe(first.container)
  })

  it('returns an unused container although its replacement is already idle', async () => {
    const { pool } = fakePool({ size: 1, max: 2 })
    await pool.start()
    const lease = await pool.acquire()
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 1 })
    expect(lease.end('released')).toBe('returned')
    expect(pool.stats()).toMatchObject({ idle: 2, leased: 0, recycling: 0 })
  })

  it('removes a used container, and the next lease gets another', async () => {
    const { pool, types } = fakePool({ max: 1 })
    await pool.start()
    const first = await pool.acquire()
    first.touch()
    expect(first.end('released')).toBe('recreated')
    const second = await pool.acquire()
    expect(second.container).not.toBe(first.container)
    expect(first.container.removals).toBe(1)
    await flushMicrotasks()
    expect(types()).toEqual(['launched', 'acquired', 'ended', 'removed', 'launched', 'acquired'])
  })

  it.each(['aborted', 'failed'] as const)('counts as used if it ends as %s', async (how) => {
    const { pool, events } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(40)
    expect(lease.end(how)).toBe('recreated')
    await flushMicrotasks()
    expect(events).toContainEqual({
      type: 'ended',
      name: lease.container.name,
      how,
      released: 'recreated',
      heldMs: 40,
    })
  })

  it('ends after its time to live', async () => {
    const { pool } = fakePool({ leaseTtlMs: 1000 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(999)
    expect(lease.ended).toBeUndefined()
    advanceTime(1)
    expect(lease.ended).toBe('ttl')
    expect(lease.signal.reason).toBe('ttl')
    await flushMicrotasks()
    expect(lease.container.removals).toBe(1)
  })

  it('ends as released if its holder releases it in the same turn as the time to live ends', async () => {
    const { pool } = fakePool({ leaseTtlMs: 1000 })
    await pool.start()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(1000) // The timer fires before the event loop reads its input.
    lease.end('released')
    advanceTime(0)
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

  it('cannot end the lease of the next holder after its own end', async () => {
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

describe('an idle container that does not respond', () => {
  it('is not ready, and is leased only if no other container is idle', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 2 })
    await pool.start()
    const [unresponsive = '', other] = launcher.names
    launcher.get(unresponsive).isResponsive = false
    expect(pool.stats()).toMatchObject({ ready: 1, idle: 2 })
    expect((await pool.acquire()).container.name).toBe(other)
    const lease = await pool.acquire()
    expect(lease.container.name).toBe(unresponsive)
    expect(pool.stats()).toMatchObject({ ready: 1, idle: 0, leased: 2 })
    lease.container.isResponsive = true
    expect(pool.stats().ready).toBe(2)
  })

  it('is removed first if the pool shrinks', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 2 })
    await pool.start()
    const [kept = '', unresponsive = ''] = launcher.names
    launcher.get(unresponsive).isResponsive = false
    pool.resize(1)
    expect(pool.isRunning(kept)).toBe(true)
    expect(pool.isRunning(unresponsive)).toBe(false)
  })
})

describe('a container of a pool', () => {
  it('is launched when another container is acquired, not when that container is released', async () => {
    const { launcher, pool } = fakePool()
    await pool.start()
    await pool.acquire()
    expect(launcher.names).toHaveLength(2)
  })

  it('is replaced and never leased if it exits while it is idle', async () => {
    const { launcher, pool, types } = fakePool()
    await pool.start()
    const [name = ''] = launcher.names
    expect(pool.isRunning(name)).toBe(true)
    launcher.get(name).crash()
    await flushMicrotasks()
    expect(pool.isRunning(name)).toBe(false)
    await vi.advanceTimersByTimeAsync(100)
    expect(types()).toEqual(['launched', 'crashed', 'removed', 'launched'])
    expect((await pool.acquire()).container.name).not.toBe(name)
  })

  it('ends its lease if it exits', async () => {
    const { pool } = fakePool()
    await pool.start()
    const lease = await pool.acquire()
    lease.container.crash()
    await flushMicrotasks()
    expect(lease.ended).toBe('crash')
    expect(lease.container.removals).toBe(1)
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0, recycling: 0 })
  })

  it('frees its slot although its removal fails', async () => {
    const { launcher, pool, events } = fakePool({ max: 1 })
    await pool.start()
    launcher.removeMode = 'fails'
    const lease = await pool.acquire()
    lease.touch()
    lease.end('released')
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ idle: 1, recycling: 0 })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'removeFailed', name: lease.container.name }),
    )
  })

  it('counts until its removal has ended', async () => {
    const { launcher, pool } = fakePool({ max: 1 })
    await pool.start()
    launcher.removeMode = 'manual'
    const lease = await pool.acquire()
    lease.end('failed')
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ recycling: 1, starting: 0 })
    expect(launcher.names).toHaveLength(1)
    launcher.recover()
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ recycling: 0, idle: 1 })
  })
})

it('a launch does not run in the async context of the request that takes a container', async () => {
  const requests = new AsyncLocalStorage<string>()
  const { launcher, pool } = fakePool({ size: 1, max: 3 })
  await pool.start()
  const contexts: unknown[] = []
  launcher.onLaunch = () => contexts.push(requests.getStore())
  await requests.run('first', () => pool.acquire())
  await requests.run('second', () => pool.acquire())
  expect(contexts.length).toBeGreaterThan(0)
  expect(new Set(contexts)).toEqual(new Set([undefined]))
})
