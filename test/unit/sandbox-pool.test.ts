import type { SandboxPool } from 'hono-sandbox'
import type { TestPoolOptions } from 'hono-sandbox/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { callWith } from './fakes/fake-agent.js'
import { poolOfTest } from './fakes/test-pool.js'

const KEY = 'sk-secret-1'

/** Creates a pool, and closes it after the test. */
function poolWith(options: TestPoolOptions): SandboxPool {
  const pool = poolOfTest(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

describe('session()', () => {
  it('counts a session as a lease of its tenant, and makes room with evictIdle', async () => {
    const languages = { python: { size: 3, max: 3 } }
    const pool = poolWith({ languages, maxPerTenant: 1, evictIdle: true })
    await pool.start()
    const first = await pool.session('python', 'first', { tenant: KEY })
    await expect(
      pool.session('python', 'second', { tenant: KEY, timeoutMs: 0 }),
    ).rejects.toMatchObject({ code: 'SANDBOX_TENANT_LIMIT' })
    first.release()
    const second = await pool.session('python', 'second', { tenant: KEY })
    expect(pool.listSessions().map(({ id }) => id)).toEqual(['second'])
    second.release()
  })
})

describe('acquire()', () => {
  it('has the bounds of the tenants', async () => {
    const languages = { python: { size: 3, max: 3 } }
    const pool = poolWith({ languages, maxPerTenant: 1, maxWaitingPerTenant: 0 })
    await pool.start()
    const sandbox = await pool.acquire('python', { tenant: KEY })
    const refused = await pool.acquire('python', { tenant: KEY }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'SANDBOX_TENANT_LIMIT' })
    expect(String(refused)).not.toContain(KEY)
    expect(JSON.stringify(pool.stats())).not.toContain(KEY)
    expect(pool.stats().python).toMatchObject({ tenants: 1 })
    sandbox.release()
    await pool.acquire('python', { tenant: KEY })
  })

  it.each([
    [{ tenant: '' }, 'acquire: tenant is not valid, expected a string of 1 to 200 characters'],
    [
      { tenant: KEY.repeat(20) },
      'acquire: tenant is not valid, expected a string of 1 to 200 characters',
    ],
    [{ tenant: { KEY } }, 'acquire: tenant is not valid, expected a string of 1 to 200 characters'],
    [{ env: { 'A=B': KEY } }, "acquire: env is not valid, expected a name without '='"],
    [
      { env: { TOKEN: `${KEY}\0` } },
      'acquire: env.TOKEN is not valid, expected a string without NUL',
    ],
    [{ leaseTtlMs: 0 }, 'acquire: leaseTtlMs is not valid, expected 1 ms or more'],
  ])('refuses %j', async (options, message) => {
    const pool = poolWith({ languages: { python: { size: 0 } } })
    const refused = callWith(pool, 'acquire', 'python', options)
    await expect(refused).rejects.toMatchObject({ code: 'SANDBOX_INVALID_OPTION', message })
  })

  it('names the languages of the pool if it does not have the language', async () => {
    const message = 'this language is not in the pool; the pool has'
    const two = poolWith({ languages: { python: { size: 0 }, nodejs: { size: 0 } } })
    await expect(two.acquire('ruby')).rejects.toMatchObject({
      code: 'SANDBOX_UNKNOWN_LANGUAGE',
      message: `${message} python, nodejs`,
    })
    await expect(poolWith({ languages: {} }).acquire('ruby')).rejects.toMatchObject({
      message: `${message} no language`,
    })
  })
})

describe('session()', () => {
  const languages = { python: { size: 1, max: 3 } }

  it('counts, lists and ends the sessions of all languages', async () => {
    const pool = poolWith({ languages: { ...languages, data: { base: 'python', size: 1 } } })
    await pool.start()
    const box = await pool.session('python', KEY)
    await pool.session('data', KEY, { tenant: 'team' })
    expect(pool.stats()).toMatchObject({ python: { sessions: 1 }, data: { sessions: 1 } })
    expect(JSON.stringify(pool.stats())).not.toContain(KEY)
    expect(pool.listSessions()).toMatchObject([
      { id: KEY, language: 'python', tenant: undefined, requests: 1, idleMs: 0 },
      { id: KEY, language: 'data', tenant: 'team' },
    ])
    expect(box.release()).toBe('kept')
    expect(await pool.endSession(KEY, { tenant: 'other' })).toBe(0)
    expect(await pool.endSession(KEY, { language: 'data' })).toBe(1)
    expect(await pool.endSession(KEY)).toBe(1)
    expect(pool.listSessions()).toEqual([])
  })

  it('leaves one container for callers without a session', async () => {
    const pool = poolWith({ languages })
    await pool.start()
    await pool.session('python', 'one')
    await pool.session('python', 'two')
    await expect(pool.session('python', 'three')).rejects.toMatchObject({
      code: 'SANDBOX_TOO_MANY_SESSIONS',
    })
    expect((await pool.acquire('python')).session).toBeUndefined()
    pool.resize('python', 1, 1)
    await expect(pool.session('python', 'four')).rejects.toMatchObject({
      message: expect.stringContaining('Raise max to 2 or more'),
    })
  })

  it('has no part in the time after which a refused caller retries', async () => {
    const pool = poolWith({ languages: { python: { size: 2, max: 2 } }, maxWaiting: 0 })
    await pool.start()
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const box = await pool.session('python', 'long')
    vi.advanceTimersByTime(3_600_000)
    await box.session?.end()
    expect(pool.stats().python?.holdMs).toBe(0)
  })

  it.each([
    ['', {}, 'session: id is not valid, expected a string of 1 to 200 characters'],
    [{ KEY }, {}, 'session: id is not valid, expected a string of 1 to 200 characters'],
    ['a', { sessionIdleMs: 0 }, 'session: sessionIdleMs is not valid, expected 1 ms or more'],
    [
      'a',
      { sessionConcurrency: 0 },
      'session: sessionConcurrency is not valid, expected 1 or more',
    ],
    ['a', { idle: 1 }, 'session: idle is not an option'],
  ])('refuses the id %j with %j', async (id, options, message) => {
    const pool = poolWith({ languages })
    const refused = callWith(pool, 'session', 'python', id, options)
    await expect(refused).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.stringContaining(message),
    })
  })

  it('needs maxSessions below max', () => {
    const python = { size: 1, max: 2, maxSessions: 2 }
    expect(() => poolWith({ languages: { python } })).toThrow(
      'languages.python: maxSessions is 2, expected less than max, which is 2',
    )
  })
})
