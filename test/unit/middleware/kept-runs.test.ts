import { describe, expect, it, vi } from 'vitest'
import { KeptRuns } from '../../../middleware/kept-runs.js'
import { NumberedOutbox } from '../../../middleware/socket-outbox.js'
import { SocketRun } from '../../../middleware/socket-run.js'
import { fakeConnection } from '../../helpers/fake-connection.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** Adds a run whose program never starts. `end` is called when the run ends. */
function addRun(runs: KeptRuns) {
  const outbox = new NumberedOutbox()
  const start = () => new Promise<never>(() => {})
  const run = new SocketRun(outbox, { start, onError: () => {} })
  const end = vi.spyOn(run, 'end')
  return { end, kept: runs.add({ run, outbox, tenant: undefined }) }
}

describe('kept runs', () => {
  it('end when their time without a client is over', () => {
    const runs = new KeptRuns({ keepMs: 1000, maxRuns: 10 })
    const { kept, end } = addRun(runs)
    advanceTime(5000)
    expect(runs.find(kept.id, 0, undefined)).toBe(kept)
    runs.lose(kept)
    advanceTime(900)
    expect(runs.find(kept.id, 0, undefined)).toBe(kept)
    advanceTime(200)
    expect(runs.find(kept.id, 0, undefined)).toBeUndefined()
    expect(end).toHaveBeenCalledOnce()
  })

  it('end the oldest one if there are too many without a client', () => {
    const runs = new KeptRuns({ keepMs: 1000, maxRuns: 2 })
    const all = Array.from({ length: 4 }, () => addRun(runs))
    for (const { kept } of all.slice(0, 3)) runs.lose(kept)
    expect(all.map(({ end }) => end.mock.calls.length)).toEqual([1, 0, 0, 0])
    expect(vi.getTimerCount()).toBe(2)
  })

  it('close the old connection of a client that comes back before it is noticed', () => {
    const runs = new KeptRuns({ keepMs: 1000, maxRuns: 2 })
    const { kept } = addRun(runs)
    const [old, next] = [fakeConnection(), fakeConnection()]
    runs.attach(kept, old.connection)
    runs.attach(kept, next.connection)
    expect([old.terminations(), next.terminations()]).toEqual([1, 0])
    expect(kept.run.connection).toBe(next.connection)
  })
})
