import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import { fakePool, outcomeOf, settle } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('the queue', () => {
  it('is served first come, first served', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    const order: string[] = []
    const first = pool.acquire().then((won) => (order.push('first'), won))
    const second = pool.acquire().then((won) => (order.push('second'), won))
    lease.end('released')
    const won = await first
    expect(await outcomeOf(second)).toBe('pending')
    won.end('released')
    await second
    expect(order).toEqual(['first', 'second'])
  })

  it('is not jumped by a caller that comes just as a container does', async () => {
    const { fake, pool } = fakePool({ size: 0, max: 1 })
    fake.launchMode = 'manual'
    const first = pool.acquire()
    fake.recover()
    const later: Promise<unknown>[] = []
    for (let tick = 0; tick < 8; tick++) {
      later.push(pool.acquire())
      await settle(1)
    }
    expect(await outcomeOf(first)).toHaveProperty('container')
    expect(await outcomeOf(Promise.race(later))).toBe('pending')
    void Promise.allSettled(later)
  })

  it('turns a caller away when it is full, and says when to come again', async () => {
    const { pool } = fakePool({ max: 1, maxWaiting: 1 })
    await pool.start()
    await pool.acquire()
    const waiting = pool.acquire()
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'SANDBOX_QUEUE_FULL',
      retryAfterMs: expect.any(Number),
    })
    expect(await outcomeOf(waiting)).toBe('pending')
  })

  it('estimates from how long launches, leases and removals take', async () => {
    const { fake, pool } = fakePool({ max: 1, maxWaiting: 0 })
    fake.launchMode = 'manual'
    fake.removeMode = 'manual'
    void pool.start()
    vi.advanceTimersByTime(400)
    fake.launches[0]?.answer.resolve()
    await settle()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(300)
    lease.end('failed')
    vi.advanceTimersByTime(200)
    fake.removals[0]?.resolve()
    await settle()
    expect(pool.stats().holdMs).toBe(300)
    // 900 ms for one caller; a tenth of the throughput is left to others.
    await expect(pool.acquire()).rejects.toMatchObject({ retryAfterMs: 1000 })
  })

  it('rejects at the deadline with the cause and when to come again', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'fails'
    const waiting = pool.acquire({ timeoutMs: 50 }).catch((error: unknown) => error)
    await settle()
    elapse(50)
    const error = await waiting
    expect(error).toBeInstanceOf(SandboxError)
    expect(error).toMatchObject({
      code: 'SANDBOX_ACQUIRE_TIMEOUT',
      cause: { code: 'SANDBOX_ENGINE_FAILED', cause: fake.launchError },
      retryAfterMs: expect.any(Number),
    })
    expect(pool.stats().waiting).toBe(0)
  })

  it('serves a caller whose container comes in the same turn as its deadline', async () => {
    const { fake, pool } = fakePool({ size: 0, max: 1 })
    fake.launchMode = 'manual'
    const waiting = pool.acquire({ timeoutMs: 50 })
    vi.advanceTimersByTime(50) // the timer fires, the input is still unread
    fake.recover()
    await settle()
    elapse(0)
    expect(await outcomeOf(waiting)).toHaveProperty('container')
  })

  it('does not wait with a timeout of 0, but takes what is there', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    expect(await outcomeOf(pool.acquire({ timeoutMs: 0 }))).toHaveProperty('container')
    const refused = pool.acquire({ timeoutMs: 0 })
    elapse(1)
    expect(await outcomeOf(refused)).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
  })

  it('waits ten seconds unless told otherwise', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    await pool.acquire()
    const waiting = pool.acquire().catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(9999)
    expect(pool.stats().waiting).toBe(1)
    elapse(1)
    expect(await waiting).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
  })
})

describe('an abort', () => {
  it('before the call takes nothing', async () => {
    const { pool } = fakePool()
    await pool.start()
    const signal = AbortSignal.abort('gone')
    await expect(pool.acquire({ signal })).rejects.toMatchObject({
      code: 'SANDBOX_ACQUIRE_ABORTED',
      cause: 'gone',
    })
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 })
  })

  it('leaves the queue, and no listener or timer', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    await pool.acquire()
    const timers = vi.getTimerCount()
    const abort = new AbortController()
    const waiting = pool.acquire({ signal: abort.signal })
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    expect(pool.stats().waiting).toBe(0)
    expect(vi.getTimerCount()).toBe(timers)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })

  it('after winning, before it could know, gives the container back', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    const abort = new AbortController()
    const waiting = pool.acquire({ signal: abort.signal })
    lease.end('released') // the waiter has won
    expect(pool.stats()).toMatchObject({ leased: 1, waiting: 0 })
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1 })
  })

  it('that never comes leaves no listener on a signal that lives on', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const { signal } = new AbortController()
    const lease = await pool.acquire({ signal })
    const waiting = pool.acquire({ signal })
    lease.end('released')
    await waiting
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('a launch that fails', () => {
  it('is tried again with pauses that double from 100 ms to 5 s, with jitter', async () => {
    const { fake, pool } = fakePool({ max: 1 })
    const at: number[] = []
    fake.onLaunch = () => at.push(Date.now())
    fake.launchMode = 'fails'
    await pool.start()
    await vi.advanceTimersByTimeAsync(60_000)
    const pauses = at.slice(1).map((time, before) => time - (at[before] ?? 0))
    expect(pauses.length).toBeGreaterThan(12)
    for (const [turn, pause] of pauses.entries()) {
      const longest = Math.min(5000, 100 * 2 ** turn)
      expect(pause).toBeLessThanOrEqual(longest)
      expect(pause).toBeGreaterThanOrEqual(longest / 2)
    }
    expect(new Set(pauses.slice(6)).size, 'jitter').toBeGreaterThan(1)
  })

  it('is not tried 445 times in half a second, whoever calls', async () => {
    const { fake, pool } = fakePool({ size: 2, max: 4 })
    fake.launchMode = 'fails'
    await pool.start()
    for (let at = 0; at < 500; at += 5) {
      pool.acquire({ timeoutMs: 20 }).catch(() => {})
      await vi.advanceTimersByTimeAsync(5)
    }
    expect(fake.names.length).toBeLessThan(16)
  })

  it('is told at once to a caller when there can be none', async () => {
    const { fake, pool } = fakePool()
    fake.launchMode = 'fails'
    fake.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image', {
      suggestion: 'Pull it',
    })
    await pool.start()
    const error = await outcomeOf(pool.acquire())
    expect(error).toMatchObject({
      code: 'SANDBOX_IMAGE_MISSING',
      message: 'no python sandbox is available: no image. Pull it',
      cause: fake.launchError,
      retryAfterMs: expect.any(Number),
    })
  })

  it('is told at once after three in a row, not after one', async () => {
    const { fake, pool } = fakePool({ max: 1 })
    fake.launchMode = 'fails'
    await pool.start()
    expect(await outcomeOf(pool.acquire())).toBe('pending')
    await vi.advanceTimersByTimeAsync(100)
    expect(await outcomeOf(pool.acquire())).toBe('pending')
    await vi.advanceTimersByTimeAsync(200)
    expect(await outcomeOf(pool.acquire())).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED' })
  })

  it('does not close an empty pool for good', async () => {
    const { fake, pool } = fakePool({ size: 0, max: 1 })
    fake.launchMode = 'fails'
    fake.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    const waiting = pool.acquire({ timeoutMs: 50 }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await waiting).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
    fake.launchMode = 'works' // the operator has pulled the image
    expect(await outcomeOf(pool.acquire())).toHaveProperty('container')
  })
})

describe('a container that dies before anyone holds it', () => {
  it('is not made again without a pause', async () => {
    const { fake, pool } = fakePool({
      onEvent: ({ type, name }) => {
        if (type === 'launched') fake.get(name).crash()
      },
    })
    await pool.start()
    await vi.advanceTimersByTimeAsync(1000)
    expect(fake.names.length).toBeGreaterThan(5)
    expect(fake.names.length).toBeLessThan(25)
  })

  it('is told to nobody as hopeless, however many die with it', async () => {
    const { fake, pool } = fakePool({ size: 4, max: 8 })
    await pool.start()
    for (const name of fake.names) fake.get(name).crash()
    await settle()
    const waiting = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await outcomeOf(waiting)).toHaveProperty('container')
  })
})

describe('a listener that throws', () => {
  it('is an uncaught error, and no container is counted wrong', async () => {
    const uncaught: unknown[] = []
    // What it throws there would be an uncaught exception of this very process.
    const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
      void (async () => {
        try {
          await Promise.resolve()
          callback()
        } catch (error) {
          uncaught.push(error)
        }
      })()
    })
    try {
      const { fake, pool } = fakePool({
        onEvent: () => {
          throw new Error('bad listener')
        },
      })
      expect(await pool.start()).toMatchObject({ ready: 1, errors: [] })
      const lease = await pool.acquire()
      lease.end('failed')
      await settle()
      expect(pool.stats()).toMatchObject({ starting: 0, leased: 0, recycling: 0 })
      expect(pool.stats().idle).toBe(fake.alive.size)
    } finally {
      spy.mockRestore()
    }
    expect(uncaught).toContainEqual(new Error('bad listener'))
  })
})
