import { describe, expect, it, vi } from 'vitest'
import { deferred } from '../../../src/util/deferred.js'
import { flushStreams } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { fakeSessions } from '../fakes/fake-sessions.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const failed = (reason: string) => ({
  code: 'SANDBOX_SESSION_START_FAILED',
  message: expect.stringContaining(reason),
})

describe('onSessionStart', () => {
  it('gets the sandbox once, before the first requests of the session', async () => {
    const restored = deferred<void>()
    const onSessionStart = vi.fn(() => restored.promise)
    const { sessions, containers } = fakeSessions({ onSessionStart })
    const visits = Promise.all([sessions.visit('ada', {}), sessions.visit('ada', {})])
    expect(await outcomeOf(visits)).toBe('pending')
    expect(sessions.list()).toEqual([])
    restored.resolve()
    const [box] = await visits
    expect(onSessionStart).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ id: 'ada', language: 'python', lostReason: undefined }),
      expect.objectContaining({ name: box.name }),
    )
    expect(containers).toHaveLength(1)
  })

  it('is called again for the container after a loss, with the reason', async () => {
    const onSessionStart = vi.fn()
    const { sessions, containers } = fakeSessions({ onSessionStart })
    await sessions.visit('ada', {})
    containers[0]?.agent.exit()
    await flushStreams()
    const next = await sessions.visit('ada', {})
    expect(next.session).toMatchObject({ isNew: true, lostReason: 'crash' })
    expect(onSessionStart.mock.calls.map(([session]) => session.lostReason)).toEqual([
      undefined,
      'crash',
    ])
  })

  it('fails the request and ends the container if it throws, without onSessionEnd', async () => {
    const onSessionStart = vi.fn().mockRejectedValueOnce(new Error('no disk'))
    const onSessionEnd = vi.fn()
    const { sessions, ends } = fakeSessions({ onSessionStart, onSessionEnd, maxSessions: 1 })
    await expect(sessions.visit('ada', {})).rejects.toMatchObject(failed('no disk'))
    expect(ends()).toEqual(['failed'])
    expect(sessions.size).toBe(0)
    expect((await sessions.visit('ada', {})).session?.isNew).toBe(true)
    expect(onSessionEnd).not.toHaveBeenCalled()
  })

  it('finishes before end() ends the session that opens', async () => {
    const restored = deferred<void>()
    const { sessions, ends } = fakeSessions({ onSessionStart: () => restored.promise })
    const visit = sessions.visit('ada', {})
    const others = sessions.end('ada', { tenant: 'other' })
    const ended = sessions.end('ada', {})
    expect(await others).toBe(0)
    expect(await outcomeOf(ended)).toBe('pending')
    restored.resolve()
    expect(await ended).toBe(1)
    expect((await visit).signal.aborted).toBe(true)
    expect([sessions.list(), ends()]).toEqual([[], ['released']])
  })

  it('has a time limit, and its sandbox ends with it', async () => {
    const signals: AbortSignal[] = []
    const { sessions, ends } = fakeSessions({
      onSessionStart: (_session, box) => {
        signals.push(box.signal)
        return new Promise(() => {})
      },
    })
    const visit = sessions.visit('ada', {})
    const outcome = expect(visit).rejects.toMatchObject(failed('did not finish within 10000 ms'))
    await flushStreams()
    advanceTime(10_000)
    await outcome
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(ends()).toEqual(['failed'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('fails the request if the container exits meanwhile, or the pool closes', async () => {
    const restored = deferred<void>()
    const crashed = fakeSessions({ onSessionStart: () => restored.promise })
    const closed = fakeSessions({ onSessionStart: () => restored.promise })
    const visits = [crashed, closed].map(({ sessions }) => sessions.visit('ada', {}))
    await flushStreams()
    crashed.containers[0]?.agent.exit()
    await closed.sessions.close({ deadlineMs: 0 })
    await flushStreams()
    restored.resolve()
    await expect(visits[0]).rejects.toMatchObject(failed('exited'))
    await expect(visits[1]).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(closed.ends()).toEqual(['closed'])
  })
})
