import { describe, expect, it, vi } from 'vitest'
import type { AcquireOptions } from '../../../src/pool/types.js'
import type { FakeLease, FakePool } from '../fakes/fake-pool.js'
import { fakePool, flushMicrotasks, outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

const KEY = 'sk-secret-1'
const OTHER = 'sk-secret-2'

useFakeTime()

/** Starts a pool of 3 idle containers. */
async function poolOfThree(options: Parameters<typeof fakePool>[0] = {}) {
  const fake = fakePool({ size: 3, max: 3, ...options })
  await fake.pool.start()
  return fake
}

/** Adds a caller to the queue. A rejection after the test is not reported. */
function queueCaller(pool: FakePool, options: AcquireOptions): Promise<FakeLease> {
  const waiting = pool.acquire(options)
  waiting.catch(() => {})
  return waiting
}

describe('the queue of a pool with tenants', () => {
  it('serves another tenant after one caller of a tenant with 100 callers', async () => {
    const { pool } = await poolOfThree({ size: 1, max: 1, maxWaiting: 200 })
    const lease = await pool.acquire()
    const served: string[] = []
    const use = async (name: string, tenant: string) => {
      const next = await pool.acquire({ tenant })
      served.push(name)
      next.end('released')
    }
    for (let at = 0; at < 100; at++) void use(`greedy ${at}`, KEY)
    void use('other', OTHER)
    lease.end('released')
    for (let round = 0; round < 20; round++) await flushMicrotasks()
    expect(served.slice(0, 4)).toEqual(['greedy 0', 'other', 'greedy 1', 'greedy 2'])
    expect(served).toHaveLength(101)
  })

  it('lets a caller wait at maxPerTenant, and serves later callers of others before it', async () => {
    const { pool } = await poolOfThree({ maxPerTenant: 1 })
    const lease = await pool.acquire({ tenant: KEY })
    const blocked = queueCaller(pool, { tenant: KEY })
    expect(await outcomeOf(blocked)).toBe('pending')
    expect(pool.stats()).toMatchObject({ idle: 2, waiting: 1, tenants: 1 })
    expect(await outcomeOf(pool.acquire({ tenant: OTHER }))).toHaveProperty('container')
    expect(await outcomeOf(pool.acquire())).toHaveProperty('container')
    lease.end('released')
    expect(await outcomeOf(blocked)).toHaveProperty('container')
  })

  it('launches no container for callers at maxPerTenant', async () => {
    const { pool, launcher } = await poolOfThree({ size: 1, max: 5, maxPerTenant: 1 })
    await pool.acquire({ tenant: KEY })
    for (let at = 0; at < 3; at++) void queueCaller(pool, { tenant: KEY })
    await flushMicrotasks()
    expect(launcher.names).toHaveLength(2) // The leased container and the warm one.
  })

  it('keeps no idle container for callers at maxPerTenant when it is resized', async () => {
    const { pool } = await poolOfThree({ maxPerTenant: 1 })
    await pool.acquire({ tenant: KEY })
    for (let at = 0; at < 3; at++) void queueCaller(pool, { tenant: KEY })
    pool.resize(1, 3)
    await flushMicrotasks()
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 1, waiting: 3 })
  })

  it('has no trace of a tenant when its leases and callers are gone', async () => {
    const { pool } = await poolOfThree({ size: 1, max: 1, maxPerTenant: 1 })
    const lease = await pool.acquire({ tenant: 'a' })
    void queueCaller(pool, { tenant: 'b', timeoutMs: 50 })
    const waiting = queueCaller(pool, { tenant: 'c' })
    expect(pool.stats()).toMatchObject({ waiting: 2, tenants: 3 })
    advanceTime(50)
    expect(pool.stats()).toMatchObject({ waiting: 1, tenants: 2 })
    lease.end('released')
    expect(pool.stats()).toMatchObject({ waiting: 0, tenants: 1 })
    await waiting.then((next) => next.end('released'))
    expect(pool.stats()).toMatchObject({ leased: 0, tenants: 0 })
  })
})

describe('a tenant that has reached its own bound', () => {
  const LIMIT = { code: 'SANDBOX_TENANT_LIMIT', retryAfterMs: expect.any(Number) }

  it.each([0, 50])('gets SANDBOX_TENANT_LIMIT after a timeout of %d ms', async (timeoutMs) => {
    const { pool } = await poolOfThree({ maxPerTenant: 1 })
    await pool.acquire({ tenant: KEY })
    void queueCaller(pool, { tenant: KEY })
    const refused = queueCaller(pool, { tenant: KEY, timeoutMs })
    advanceTime(timeoutMs || 1)
    expect(await outcomeOf(refused)).toMatchObject({
      ...LIMIT,
      message:
        `no python sandbox became free within ${timeoutMs} ms: ` +
        'this tenant holds 1 of its 1 sandboxes, 1 of its callers are waiting',
    })
  })

  it('gets SANDBOX_TENANT_LIMIT if maxWaitingPerTenant of its callers wait', async () => {
    const { pool } = await poolOfThree({ size: 1, max: 1, maxWaitingPerTenant: 2 })
    await pool.acquire({ tenant: OTHER })
    for (let at = 0; at < 2; at++) void queueCaller(pool, { tenant: KEY })
    const refused = await outcomeOf(pool.acquire({ tenant: KEY }))
    expect(refused).toMatchObject({
      ...LIMIT,
      message:
        'the queue for python sandboxes has no place for this caller: ' +
        'this tenant holds 0 sandboxes, 2 of its callers are waiting',
    })
    expect(await outcomeOf(pool.acquire({ tenant: OTHER }))).toBe('pending')
    expect(await outcomeOf(pool.acquire())).toBe('pending')
  })

  it('gets SANDBOX_TENANT_LIMIT if the queue is full, too', async () => {
    const { pool } = await poolOfThree({ maxWaiting: 0, maxPerTenant: 1 })
    await pool.acquire({ tenant: KEY })
    expect(await outcomeOf(pool.acquire({ tenant: KEY }))).toMatchObject(LIMIT)
  })

  it('gets retry times from its own leases, each caller another one', async () => {
    const { pool } = await poolOfThree({ maxPerTenant: 1, maxWaitingPerTenant: 0 })
    const lease = await pool.acquire({ tenant: KEY })
    vi.advanceTimersByTime(9000)
    lease.end('released')
    await pool.acquire({ tenant: KEY })
    const refused = [pool.acquire({ tenant: KEY }), pool.acquire({ tenant: KEY })]
    // A lease takes 9 s, and a tenth of the throughput is kept for other callers.
    const times = [{ retryAfterMs: 10_000 }, { retryAfterMs: 20_000 }]
    expect(await Promise.all(refused.map(outcomeOf))).toMatchObject(times)
  })
})

describe('a tenant below its own bounds', () => {
  it('gets SANDBOX_QUEUE_FULL and SANDBOX_ACQUIRE_TIMEOUT, with the state of the pool', async () => {
    const { pool, launcher } = await poolOfThree({ maxWaiting: 2, maxPerTenant: 2 })
    launcher.removeMode = 'manual'
    await pool.acquire()
    await pool.acquire({ tenant: KEY })
    const used = await pool.acquire()
    used.end('failed')
    const late = queueCaller(pool, { tenant: KEY, timeoutMs: 50 })
    void queueCaller(pool, { tenant: OTHER })
    expect(await outcomeOf(pool.acquire({ tenant: KEY }))).toMatchObject({
      code: 'SANDBOX_QUEUE_FULL',
      message:
        'the queue for python sandboxes is full: 2 of 3 leased, 0 starting, 1 recycling, 2 waiting',
    })
    advanceTime(50)
    expect(await outcomeOf(late)).toMatchObject({
      code: 'SANDBOX_ACQUIRE_TIMEOUT',
      message:
        'no python sandbox became free within 50 ms: ' +
        '2 of 3 leased, 0 starting, 1 recycling, 1 waiting',
    })
  })
})

describe('leaseTtlMs of acquire()', () => {
  it('replaces the time to live of the pool, also for a caller from the queue', async () => {
    const { pool } = await poolOfThree({ size: 1, max: 1, leaseTtlMs: 1000 })
    const first = await pool.acquire({ leaseTtlMs: 50 })
    const waiting = queueCaller(pool, { leaseTtlMs: 5000 })
    advanceTime(50)
    expect(first.ended).toBe('ttl')
    const second = await waiting
    advanceTime(1000)
    expect(second.ended).toBeUndefined()
    advanceTime(4000)
    expect(second.ended).toBe('ttl')
    const third = await pool.acquire()
    advanceTime(1000)
    expect(third.ended).toBe('ttl')
  })
})
