import { getEventListeners } from 'node:events'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import { Lease } from '../../../src/pool/lease.js'
import { Names } from '../../../src/pool/container-names.js'
import { BoundedOutput } from '../../../src/sandbox/program/output.js'
import { Waiters } from '../../../src/pool/wait-queue.js'
import { elapse } from '../fakes/fake-time.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Lease', () => {
  it('ends once: every later end is told the same', () => {
    const onEnd = vi.fn<() => 'recreated'>(() => 'recreated')
    const lease = new Lease('container', onEnd)
    expect(lease.ended).toBeUndefined()
    expect(lease.end('ttl')).toBe('recreated')
    expect(lease.end('released')).toBe('recreated')
    expect(lease.ended).toBe('ttl')
    expect(onEnd).toHaveBeenCalledOnce()
  })

  it('is used when touched, and by every end but a release', () => {
    const untouched = new Lease('container', () => 'returned')
    expect(untouched.end('released')).toBe('returned')
    expect(untouched.isUsed).toBe(false)
    const hows: LeaseEnd[] = ['aborted', 'failed', 'ttl', 'crash', 'closed']
    for (const how of hows) {
      const lease = new Lease('container', () => 'recreated')
      lease.end(how)
      expect(lease.isUsed, how).toBe(true)
    }
    const touched = new Lease('container', () => 'recreated')
    touched.touch()
    touched.end('released')
    expect(touched.isUsed).toBe(true)
  })

  it('tells its signal why before the container goes', () => {
    const order: unknown[] = []
    const lease = new Lease('container', () => {
      order.push('taken back')
      return 'recreated'
    })
    lease.signal.addEventListener('abort', () => {
      order.push(lease.signal.reason, lease.end('crash'))
    })
    lease.end('closed')
    expect(order).toEqual(['closed', 'recreated', 'taken back'])
    expect(lease.ended).toBe('closed')
  })
})

describe('Waiters', () => {
  const how = (signal?: AbortSignal) => ({
    timeoutMs: 100,
    signal,
    onTimeout: () => new Error('timeout'),
    onAbort: (reason: unknown) => new Error(`abort ${String(reason)}`),
  })

  it('are settled in the order in which they came', async () => {
    const waiters = new Waiters<number>()
    const all = [waiters.add(how()), waiters.add(how())]
    waiters.settleFirst(1)
    waiters.settleFirst(2)
    waiters.settleFirst(3)
    expect(await Promise.all(all)).toEqual([1, 2])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('pass over one that has left', async () => {
    const waiters = new Waiters<number>()
    const abort = new AbortController()
    const first = waiters.add(how(abort.signal))
    const second = waiters.add(how())
    abort.abort('gone')
    await expect(first).rejects.toThrow('abort gone')
    waiters.settleFirst(1)
    expect(await second).toBe(1)
    expect(waiters.size).toBe(0)
  })

  it.each(['turn', 'timeout', 'abort', 'all'] as const)(
    'leave no timer and no listener, %s',
    async (end) => {
      const waiters = new Waiters<number>()
      const abort = new AbortController()
      const waiting = waiters.add(how(abort.signal)).catch(() => {})
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      if (end === 'turn') waiters.settleFirst(1)
      else if (end === 'timeout') elapse(100)
      else if (end === 'abort') abort.abort()
      else waiters.rejectAll(() => new Error('all'))
      await waiting
      expect(waiters.size).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    },
  )
})

describe('Names', () => {
  it('use a slot again, a name never', () => {
    const names = new Names('python', 'f00d42')
    const first = names.take()
    expect(first).toBe('sandbox_python_1.1_f00d42')
    expect(names.take()).toBe('sandbox_python_2.1_f00d42')
    names.giveBack(first)
    names.giveBack(first)
    names.giveBack('a stranger')
    expect(names.take()).toBe('sandbox_python_1.2_f00d42')
    expect(names.take()).toBe('sandbox_python_3.1_f00d42')
  })

  it('never repeat, whatever is given back', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
        const names = new Names('nodejs', 'x')
        const taken: string[] = []
        for (const step of steps) {
          if (step === null) taken.push(names.take())
          else names.giveBack(taken[step] ?? '')
        }
        expect(new Set(taken).size).toBe(taken.length)
      }),
    )
  })
})

describe('BoundedOutput', () => {
  it('keeps all that is within the limit', () => {
    const output = new BoundedOutput(8)
    output.push(Buffer.from('1234'))
    output.push(Buffer.from('5678'))
    expect(output.isTruncated).toBe(false)
    expect(output.toString()).toBe('12345678')
  })

  it('keeps beginning and end of more, and says how much is between', () => {
    const output = new BoundedOutput(8)
    output.push(Buffer.from('abcdefghijkl'))
    output.push(Buffer.from('m'))
    expect(output.isTruncated).toBe(true)
    expect(output.toString()).toBe('abcdef\n[5 bytes left out]\nlm')
  })

  it('keeps a character whole that comes in two pieces', () => {
    const output = new BoundedOutput(100)
    const bytes = Buffer.from('é€')
    for (const byte of bytes) output.push(Buffer.of(byte))
    output.push(Buffer.of(0xff))
    expect(output.toString()).toBe('é€\uFFFD')
  })

  it('keeps a copy: one byte does not hold the chunk it came in', () => {
    const output = new BoundedOutput(4)
    const chunk = Buffer.from('abcde')
    for (let at = 0; at < chunk.length; at++) output.push(chunk.subarray(at, at + 1))
    chunk.fill('x')
    expect(output.toString()).toBe('abc\n[1 bytes left out]\ne')
  })

  it('never keeps more than the limit, and the same however it is cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })),
        (limit, pieces) => {
          const text = pieces.join('')
          const output = new BoundedOutput(limit)
          for (const piece of pieces) output.push(Buffer.from(piece))
          const tail = Math.floor(limit / 4)
          const head = limit - tail
          const gap = text.length - limit
          expect(output.isTruncated).toBe(gap > 0)
          expect(output.toString()).toBe(
            gap > 0
              ? `${text.slice(0, head)}\n[${gap} bytes left out]\n${text.slice(head + gap)}`
              : text,
          )
        },
      ),
    )
  })
})
