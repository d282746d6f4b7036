import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import { fakePool, flushMicrotasks, outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('the queue of a pool', () => {
  it('serves its callers in first-in, first-out order', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    const order: string[] = []
    const first = pool.acquire().then((next) => (order.push('first'), next))
    const second = pool.acquire().then((next) => (order.push('second'), next))
    lease.end('released')
    const firstLease = await first
    expect(await outcomeOf(second)).toBe('pending')
    firstLease.end('released')
    await second
    expect(order).toEqual(['first', 'second'])
  })

  it('serves the first caller, although a later caller comes at the same time as a container', async () => {
    const { launcher, pool } = fakePool({ size: 0, max: 1 })
    launcher.launchMode = 'manual'
    const first = pool.acquire()
    launcher.recover()
    const later: Promise<unknown>[] = []
    for (let tick = 0; tick < 8; tick++) {
      later.push(pool.acquire())
      await flushMicrotasks(1)
    }
    expect(await outcomeOf(first)).toHaveProperty('container')
    expect(await outcomeOf(Promise.race(later))).toBe('pending')
    void Promise.allSettled(later)
  })

  it('rejects a caller with a time to retry if it is full', async () => {
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

  it('estimates the time to retry from the durations of launches, leases and removals', async () => {
    const { launcher, pool } = fakePool({ max: 1, maxWaiting: 0 })
    launcher.launchMode = 'manual'
    launcher.removeMode = 'manual'
    void pool.start()
    vi.advanceTimersByTime(400)
    launcher.launches[0]?.answer.resolve()
    await flushMicrotasks()
    const lease = await pool.acquire()
    vi.advanceTimersByTime(300)
    lease.end('failed')
    vi.advanceTimersByTime(200)
    launcher.removals[0]?.resolve()
    await flushMicrotasks()
    expect(pool.stats().holdMs).toBe(300)
    // One caller needs 900 ms, and a tenth of the throughput is kept for other callers.
    await expect(pool.acquire()).rejects.toMatchObject({ retryAfterMs: 1000 })
  })

  it('rejects a caller at its deadline, with the cause and a time to retry', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'fails'
    const waiting = pool.acquire({ timeoutMs: 50 }).catch((error: unknown) => error)
    await flushMicrotasks()
    advanceTime(50)
    const error = await waiting
    expect(error).toBeInstanceOf(SandboxError)
    expect(error).toMatchObject({
      code: 'SANDBOX_ACQUIRE_TIMEOUT',
      cause: { code: 'SANDBOX_ENGINE_FAILED', cause: launcher.launchError },
      retryAfterMs: expect.any(Number),
    })
    expect(pool.stats().waiting).toBe(0)
  })

  it('serves a caller if a container comes in the same turn as the deadline', async () => {
    const { launcher, pool } = fakePool({ size: 0, max: 1 })
    launcher.launchMode = 'manual'
    const waiting = pool.acquire({ timeoutMs: 50 })
    vi.advanceTimersByTime(50) // The timer fires before the event loop reads its input.
    launcher.recover()
    await flushMicrotasks()
    advanceTime(0)
    expect(await outcomeOf(waiting)).toHaveProperty('container')
  })

  it('serves a caller whose timeout is 0 only if a container is idle', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    expect(await outcomeOf(pool.acquire({ timeoutMs: 0 }))).toHaveProperty('container')
    const refused = pool.acquire({ timeoutMs: 0 })
    advanceTime(1)
    expect(await outcomeOf(refused)).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
  })

  it('rejects a caller after ten seconds by default', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    await pool.acquire()
    const waiting = pool.acquire().catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(9999)
    expect(pool.stats().waiting).toBe(1)
    advanceTime(1)
    expect(await waiting).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
  })
})

describe('the abort of an acquire()', () => {
  it('takes no container if it comes before the call', async () => {
    const { pool } = fakePool()
    await pool.start()
    const signal = AbortSignal.abort('gone')
    await expect(pool.acquire({ signal })).rejects.toMatchObject({
      code: 'SANDBOX_ACQUIRE_ABORTED',
      cause: 'gone',
    })
    expect(pool.stats()).toMatchObject({ idle: 1, leased: 0 })
  })

  it('removes the caller from the queue, with its listener and its timer', async () => {
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

  it('returns the container if the caller has one but was not resumed yet', async () => {
    const { pool } = fakePool({ max: 1 })
    await pool.start()
    const lease = await pool.acquire()
    const abort = new AbortController()
    const waiting = pool.acquire({ signal: abort.signal })
    lease.end('released') // The waiting caller gets the container.
    expect(pool.stats()).toMatchObject({ leased: 1, waiting: 0 })
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1 })
  })

  it('leaves no listener on its signal if it never comes', async () => {
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
  it('is retried with pauses that double from 100 ms to 5 s, with jitter', async () => {
    const { launcher, pool } = fakePool({ max: 1 })
    const at: number[] = []
    launcher.onLaunch = () => at.push(Date.now())
    launcher.launchMode = 'fails'
    await pool.start()
    await vi.advanceTimersByTimeAsync(60_000)
    const pauses = at.slice(1).map((time, before) => time - (at[before] ?? 0))
    expect(pauses.length).toBeGreaterThan(12)
    for (const [index, pause] of pauses.entries()) {
      const longest = Math.min(5000, 100 * 2 ** index)
      expect(pause).toBeLessThanOrEqual(longest)
      expect(pause).toBeGreaterThanOrEqual(longest / 2)
    }
    expect(new Set(pauses.slice(6)).size, 'jitter').toBeGreaterThan(1)
  })

  it('is retried fewer than 16 times in half a second, although callers keep coming', async () => {
    const { launcher, pool } = fakePool({ size: 2, max: 4 })
    launcher.launchMode = 'fails'
    await pool.start()
    for (let at = 0; at < 500; at += 5) {
      pool.acquire({ timeoutMs: 20 }).catch(() => {})
      await vi.advanceTimersByTimeAsync(5)
    }
    expect(launcher.names.length).toBeLessThan(16)
  })

  it('rejects a caller at once if no launch can succeed', async () => {
    const { launcher, pool } = fakePool()
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image', {
      suggestion: 'Pull it',
    })
    await pool.start()
    const error = await outcomeOf(pool.acquire())
    expect(error).toMatchObject({
      code: 'SANDBOX_IMAGE_MISSING',
      message: 'no python sandbox is available: no image. Pull it',
      cause: launcher.launchError,
      retryAfterMs: expect.any(Number),
    })
  })

  it('rejects a caller at once if all leases are those of sessions, which have no end', async () => {
    const { launcher, pool } = fakePool()
    await pool.start()
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    await pool.acquire({ leaseTtlMs: Number.POSITIVE_INFINITY })
    await flushMicrotasks()
    expect(await outcomeOf(pool.acquire())).toMatchObject({ code: 'SANDBOX_IMAGE_MISSING' })
  })

  it('rejects a caller at once after three failures in a row, but not after one', async () => {
    const { launcher, pool } = fakePool({ max: 1 })
    launcher.launchMode = 'fails'
    await pool.start()
    const waiting = pool.acquire()
    expect(await outcomeOf(waiting)).toBe('pending')
    await vi.advanceTimersByTimeAsync(100)
    expect(await outcomeOf(waiting)).toBe('pending')
    await vi.advanceTimersByTimeAsync(200)
    expect(await outcomeOf(waiting)).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED' })
    expect(await outcomeOf(pool.acquire())).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED' })
  })

  it('rejects the callers in the queue if no launch can succeed', async () => {
    const { launcher, pool } = fakePool({ size: 0, max: 1 })
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    const waiting = [pool.acquire(), pool.acquire()].map(outcomeOf)
    expect(await Promise.all(waiting)).toMatchObject([
      { code: 'SANDBOX_IMAGE_MISSING', retryAfterMs: expect.any(Number) },
      { code: 'SANDBOX_IMAGE_MISSING', retryAfterMs: expect.any(Number) },
    ])
    expect(pool.stats().waiting).toBe(0)
  })

  it('rejects no caller that waits for the end of a lease', async () => {
    const { launcher, pool } = fakePool({ max: 2 })
    await pool.start()
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    const lease = await pool.acquire()
    const waiting = pool.acquire()
    expect(await outcomeOf(waiting)).toBe('pending')
    lease.end('released')
    expect(await outcomeOf(waiting)).toHaveProperty('container')
  })

  it('does not stop a pool of size 0 from launching later', async () => {
    const { launcher, pool } = fakePool({ size: 0, max: 1 })
    launcher.launchMode = 'fails'
    launcher.launchError = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image')
    const refused = pool.acquire().catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await refused).toMatchObject({ code: 'SANDBOX_IMAGE_MISSING' })
    launcher.launchMode = 'works' // The operator has pulled the image.
    expect(await outcomeOf(pool.acquire())).toHaveProperty('container')
  })
})

describe('a container that exits before its first lease', () => {
  it('is replaced with pauses', async () => {
    const { launcher, pool } = fakePool({
      onEvent: (event) => {
        if (event.type === 'launched') launcher.get(event.name).crash()
      },
    })
    await pool.start()
    await vi.advanceTimersByTimeAsync(1000)
    expect(launcher.names.length).toBeGreaterThan(5)
    expect(launcher.names.length).toBeLessThan(25)
  })

  it('rejects no caller, although several containers exit at once', async () => {
    const { launcher, pool } = fakePool({ size: 4, max: 8 })
    await pool.start()
    for (const name of launcher.names) launcher.get(name).crash()
    await flushMicrotasks()
    const waiting = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await outcomeOf(waiting)).toHaveProperty('container')
  })
})

describe('a listener of pool events that throws', () => {
  it('causes an uncaught error, but does not change the counts of the pool', async () => {
    const uncaught: unknown[] = []
    // An error in a real microtask would be an uncaught exception of the test process.
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
      const { launcher, pool } = fakePool({
        onEvent: () => {
          throw new Error('bad listener')
        },
      })
      expect(await pool.start()).toMatchObject({ ready: 1, errors: [] })
      const lease = await pool.acquire()
      lease.end('failed')
      await flushMicrotasks()
      expect(pool.stats()).toMatchObject({ starting: 0, leased: 0, recycling: 0 })
      expect(pool.stats().idle).toBe(launcher.alive.size)
    } finally {
      spy.mockRestore()
    }
    expect(uncaught).toContainEqual(new Error('bad listener'))
  })
})
