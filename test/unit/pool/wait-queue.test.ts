import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { WaitQueue } from '../../../src/pool/wait-queue.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('WaitQueue', () => {
  const optionsOf = (signal?: AbortSignal) => ({
    timeoutMs: 100,
    signal,
    onTimeout: () => new Error('timeout'),
    onAbort: (reason: unknown) => new Error(`abort ${String(reason)}`),
  })

  it('settles its promises in first-in, first-out order', async () => {
    const queue = new WaitQueue<number>()
    const all = [queue.add(optionsOf()), queue.add(optionsOf())]
    queue.settleFirst(1)
    queue.settleFirst(2)
    queue.settleFirst(3)
    expect(await Promise.all(all)).toEqual([1, 2])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('skips an aborted promise', async () => {
    const queue = new WaitQueue<number>()
    const abort = new AbortController()
    const first = queue.add(optionsOf(abort.signal))
    const second = queue.add(optionsOf())
    abort.abort('gone')
    await expect(first).rejects.toThrow('abort gone')
    queue.settleFirst(1)
    expect(await second).toBe(1)
    expect(queue.size).toBe(0)
  })

  it.each(['settleFirst', 'timeout', 'abort', 'rejectAll'] as const)(
    'leaves no timer and no listener after %s',
    async (end) => {
      const queue = new WaitQueue<number>()
      const abort = new AbortController()
      const waiting = queue.add(optionsOf(abort.signal)).catch(() => {})
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      if (end === 'settleFirst') queue.settleFirst(1)
      else if (end === 'timeout') advanceTime(100)
      else if (end === 'abort') abort.abort()
      else queue.rejectAll(() => new Error('all'))
      await waiting
      expect(queue.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    },
  )
})
