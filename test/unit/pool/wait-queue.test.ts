import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { WaitQueue } from '../../../src/pool/wait-queue.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('WaitQueue', () => {
  const how = (signal?: AbortSignal) => ({
    timeoutMs: 100,
    signal,
    onTimeout: () => new Error('timeout'),
    onAbort: (reason: unknown) => new Error(`abort ${String(reason)}`),
  })

  it('are settled in the order in which they came', async () => {
    const queue = new WaitQueue<number>()
    const all = [queue.add(how()), queue.add(how())]
    queue.settleFirst(1)
    queue.settleFirst(2)
    queue.settleFirst(3)
    expect(await Promise.all(all)).toEqual([1, 2])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('pass over one that has left', async () => {
    const queue = new WaitQueue<number>()
    const abort = new AbortController()
    const first = queue.add(how(abort.signal))
    const second = queue.add(how())
    abort.abort('gone')
    await expect(first).rejects.toThrow('abort gone')
    queue.settleFirst(1)
    expect(await second).toBe(1)
    expect(queue.size).toBe(0)
  })

  it.each(['turn', 'timeout', 'abort', 'all'] as const)(
    'leave no timer and no listener, %s',
    async (end) => {
      const queue = new WaitQueue<number>()
      const abort = new AbortController()
      const waiting = queue.add(how(abort.signal)).catch(() => {})
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      if (end === 'turn') queue.settleFirst(1)
      else if (end === 'timeout') elapse(100)
      else if (end === 'abort') abort.abort()
      else queue.rejectAll(() => new Error('all'))
      await waiting
      expect(queue.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    },
  )
})
