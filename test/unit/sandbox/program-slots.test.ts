import { describe, expect, it, vi } from 'vitest'
import type { Deferred } from '../../../src/util/deferred.js'
import { deferred } from '../../../src/util/deferred.js'
import { ProgramSlots } from '../../../src/sandbox/program/program-slots.js'
import { flushMicrotasks } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** Creates slots, and records the start of each program. */
function slotsFor(max: number) {
  const slots = new ProgramSlots(max)
  const started: string[] = []
  const waited: string[] = []
  const isOver = new Set<string>()
  const ends = new Map<string, Deferred<void>>()
  const run = (name: string, timeoutMs = 60_000) => {
    const ended = deferred<void>()
    ends.set(name, ended)
    slots.run(timeoutMs, (after) => {
      const start = () => void (isOver.has(name) || started.push(name))
      if (after) void after.then(() => waited.push(name)).then(start)
      else start()
      return { ended: ended.promise }
    })
  }
  const end = async (name: string) => {
    isOver.add(name)
    ends.get(name)?.resolve()
    await flushMicrotasks()
  }
  return { slots, started, waited, run, end }
}

describe('the programs of a lease', () => {
  it('run side by side up to the limit, and the others start in order', async () => {
    const { started, run, end } = slotsFor(2)
    for (const name of ['a', 'b', 'c', 'd']) run(name)
    expect(started).toEqual(['a', 'b'])
    await end('b')
    expect(started).toEqual(['a', 'b', 'c'])
    await end('a')
    expect(started).toEqual(['a', 'b', 'c', 'd'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('need no slot if they end while they wait', async () => {
    const { started, waited, run, end } = slotsFor(1)
    for (const name of ['a', 'b', 'c']) run(name)
    await end('b')
    expect(waited, 'writes to its stdin do not wait for the slot').toEqual(['b'])
    await end('a')
    expect(started).toEqual(['a', 'c'])
    await end('c')
    run('d')
    expect(started).toEqual(['a', 'c', 'd'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('start without a slot after 5 s or half of their time limit, to prevent deadlocks', async () => {
    const { started, run, end } = slotsFor(1)
    run('waits for the others')
    run('long')
    run('short', 1000)
    await vi.advanceTimersByTimeAsync(500)
    expect(started).toEqual(['waits for the others', 'short'])
    await vi.advanceTimersByTimeAsync(4500)
    expect(started).toEqual(['waits for the others', 'short', 'long'])
    run('next')
    await end('short')
    await end('long')
    expect(started).not.toContain('next')
    await end('waits for the others')
    expect(started).toContain('next')
  })

  it('free their slot if they cannot be started', () => {
    const { slots, started, run } = slotsFor(1)
    const fail = () => {
      throw new Error('too long')
    }
    expect(() => slots.run(1000, fail)).toThrow('too long')
    run('a')
    expect(started).toEqual(['a'])
  })
})
