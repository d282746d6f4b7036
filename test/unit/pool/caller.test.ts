import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import type { Caller } from '../../../src/pool/caller.js'
import { waitIn } from '../../../src/pool/caller.js'
import { WaitQueue } from '../../../src/pool/wait-queue.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

function emptyQueue() {
  const queue = new WaitQueue<Caller<number>>({ maxWaiting: 10 })
  const wait = (signal?: AbortSignal) =>
    waitIn(queue, {
      tenant: queue.tenant(undefined),
      leaseTtlMs: undefined,
      timeoutMs: 100,
      signal,
      onTimeout: () => new Error(`timeout, ${queue.callers.size} others`),
      onAbort: (reason) => new Error(`abort ${String(reason)}`),
    })
  return { queue, wait }
}

describe('a caller in the queue', () => {
  it('is settled in first-in, first-out order', async () => {
    const { queue, wait } = emptyQueue()
    const all = [wait(), wait()]
    queue.next?.resolve(1)
    queue.next?.resolve(2)
    expect(queue.next).toBeUndefined()
    expect(await Promise.all(all)).toEqual([1, 2])
  })

  it('leaves the queue when its signal aborts', async () => {
    const { queue, wait } = emptyQueue()
    const abort = new AbortController()
    const first = wait(abort.signal)
    const second = wait()
    abort.abort('gone')
    await expect(first).rejects.toThrow('abort gone')
    queue.next?.resolve(1)
    expect(await second).toBe(1)
  })

  it('has left the queue when the error of its timeout is created', async () => {
    const { wait } = emptyQueue()
    const waiting = wait().catch((error: unknown) => error)
    advanceTime(100)
    expect(await waiting).toEqual(new Error('timeout, 0 others'))
  })

  it.each(['resolve', 'reject', 'timeout', 'abort'] as const)(
    'leaves no timer and no listener after %s',
    async (end) => {
      const { queue, wait } = emptyQueue()
      const abort = new AbortController()
      const waiting = wait(abort.signal).catch(() => {})
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      if (end === 'resolve') queue.next?.resolve(1)
      else if (end === 'reject') queue.next?.reject(new Error('closed'))
      else if (end === 'timeout') advanceTime(100)
      else abort.abort()
      await waiting
      expect(queue.callers.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    },
  )
})
