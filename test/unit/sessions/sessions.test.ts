import { describe, expect, it, vi } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import { deferred } from '../../../src/util/deferred.js'
import { awaited, flushStreams } from '../fakes/fake-agent.js'
import { outcomeOf, settled } from '../fakes/fake-pool.js'
import { fakeSessions } from '../fakes/fake-sessions.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('the requests of a session', () => {
  it('get the same container one after the other, and only the first one is new', async () => {
    const { sessions, containers } = fakeSessions()
    const first = await sessions.visit('ada', {})
    first.release()
    const second = await sessions.visit('ada', {})
    expect(containers).toHaveLength(1)
    expect(second.name).toBe(first.name)
    expect([first.session?.isNew, second.session?.isNew]).toEqual([true, false])
    expect(second.session?.lostReason).toBeUndefined()
  })

  it('share one container if the first two come at once', async () => {
    const { sessions, containers } = fakeSessions()
    const both = await Promise.all([sessions.visit('ada', {}), sessions.visit('ada', {})])
    expect(containers).toHaveLength(1)
    expect(both.filter(({ session }) => session?.isNew)).toHaveLength(1)
    expect(sessions.list()).toMatchObject([{ id: 'ada', language: 'python', requests: 2 }])
  })

  it('get a container of their own for each id and each tenant', async () => {
    const { sessions, containers } = fakeSessions()
    await sessions.visit('ada', {})
    await sessions.visit('bob', {})
    await sessions.visit('ada', { tenant: 'other' })
    expect(containers).toHaveLength(3)
  })

  it('do not share the failure of the first one', async () => {
    const { sessions, source } = fakeSessions()
    const works = source.acquire
    const refusal = deferred<never>()
    source.acquire = () => refusal.promise
    const first = sessions.visit('ada', {})
    const second = sessions.visit('ada', {})
    await flushStreams()
    source.acquire = works
    refusal.reject(new SandboxError('SANDBOX_ACQUIRE_ABORTED', 'the client has left'))
    await expect(first).rejects.toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    expect((await second).session).toMatchObject({ id: 'ada', isNew: true })
  })

  it('wait for the shared container only as long as their own limits allow', async () => {
    const { sessions, source } = fakeSessions()
    source.acquire = () => new Promise(() => {})
    void outcomeOf(sessions.visit('ada', {}))
    const client = new AbortController()
    const late = settled(sessions.visit('ada', { timeoutMs: 50 }))
    const left = sessions.visit('ada', { signal: client.signal })
    client.abort()
    await expect(left).rejects.toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    advanceTime(50)
    expect(await late).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
  })

  it('end one by one: the programs of one are killed, those of the others go on', async () => {
    const { sessions, containers } = fakeSessions()
    const [one, other] = await Promise.all([sessions.visit('ada', {}), sessions.visit('ada', {})])
    const killed = awaited(one.exec('sleep 9'))
    const kept = outcomeOf(awaited(other.exec('sleep 9')))
    await flushStreams()
    expect(one.release('aborted')).toBe('kept')
    await flushStreams()
    const { agent } = containers[0]!
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    expect(await killed).toMatchObject({ killedBy: 'abort' })
    expect(await kept).toBe('pending')
    await expect(awaited(one.exec('true'))).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })

  it('interrupt a run in a context when they end, and keep the context', async () => {
    const { sessions, containers } = fakeSessions()
    const box = await sessions.visit('ada', {})
    const creating = box.createCodeContext()
    await flushStreams()
    const { agent } = containers[0]!
    agent.started(1)
    const context = await creating
    const run = awaited(box.runCode('while True: pass', { context }))
    await flushStreams()
    box.release('aborted')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT'])
    agent.done(2, { exitCode: 130 })
    expect(await run).toMatchObject({ killedBy: 'abort', context: 'kept' })
    const next = await sessions.visit('ada', {})
    expect(next.listCodeContexts()).toEqual([context])
  })

  it('run in order with sessionConcurrency 1, and requests without it do not wait', async () => {
    const { sessions } = fakeSessions()
    const first = await sessions.visit('ada', { sessionConcurrency: 1 })
    const second = sessions.visit('ada', { sessionConcurrency: 1 })
    const third = sessions.visit('ada', { sessionConcurrency: 1 })
    const stop = await sessions.visit('ada', {})
    expect(stop.session?.id).toBe('ada')
    expect(await outcomeOf(second)).toBe('pending')
    first.release()
    const box = await second
    expect(await outcomeOf(third)).toBe('pending')
    box.release()
    expect((await third).session?.id).toBe('ada')
  })

  it('leave the order when their time is over or their client leaves', async () => {
    const { sessions, bounds } = fakeSessions({ maxWaiting: 2 })
    const first = await sessions.visit('ada', { sessionConcurrency: 1 })
    const client = new AbortController()
    const late = settled(sessions.visit('ada', { sessionConcurrency: 1, timeoutMs: 10 }))
    const left = settled(sessions.visit('ada', { sessionConcurrency: 1, signal: client.signal }))
    await flushStreams()
    await expect(sessions.visit('ada', { sessionConcurrency: 1 })).rejects.toMatchObject({
      code: 'SANDBOX_QUEUE_FULL',
      retryAfterMs: 1000,
      message: expect.stringContaining(`${bounds.maxWaiting} requests`),
    })
    client.abort()
    advanceTime(10)
    expect(await late).toMatchObject({ code: 'SANDBOX_ACQUIRE_TIMEOUT' })
    expect(await left).toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    first.release()
    expect((await sessions.visit('ada', { sessionConcurrency: 1 })).session?.isNew).toBe(false)
  })

  it('have variables of their own, which the session does not keep', async () => {
    const { sessions, containers } = fakeSessions()
    const one = await sessions.visit('ada', { env: { TOKEN: 'secret' } })
    void awaited(one.exec('env', { env: { MORE: '1' } }))
    const other = await sessions.visit('ada', {})
    void awaited(other.exec('env'))
    await flushStreams()
    expect(containers[0]?.agent.requests).toMatchObject([
      { env: { LANG: 'C.UTF-8', TOKEN: 'secret', MORE: '1' } },
      { env: { LANG: 'C.UTF-8' } },
    ])
    expect(JSON.stringify(containers[0]?.agent.requests[1])).not.toContain('secret')
  })
})

describe('a session ends', () => {
  it('when no request has used it for sessionIdleMs, and the next request is told', async () => {
    const { sessions, ends } = fakeSessions()
    const box = await sessions.visit('ada', { sessionIdleMs: 100 })
    advanceTime(1000)
    expect(ends()).toEqual([undefined])
    box.release()
    advanceTime(100)
    await flushStreams()
    expect(ends()).toEqual(['idle'])
    expect(sessions.list()).toEqual([])
    const next = await sessions.visit('ada', {})
    expect(next.session).toMatchObject({ isNew: true, lostReason: 'idle' })
    expect((await sessions.visit('ada', {})).session).toMatchObject({ isNew: false })
  })

  it('later if extend() was called', async () => {
    const { sessions, ends } = fakeSessions()
    const box = await sessions.visit('ada', { sessionIdleMs: 100, sessionTtlMs: 200 })
    box.session?.extend(1000)
    box.release()
    advanceTime(990)
    await flushStreams()
    expect(ends()).toEqual([undefined])
    advanceTime(20)
    await flushStreams()
    expect(ends()[0]).toBeOneOf(['idle', 'ttl'])
  })

  it('at its age, after its requests; a request that comes then waits for a new one', async () => {
    const { sessions, ends } = fakeSessions()
    const box = await sessions.visit('ada', { sessionTtlMs: 100 })
    advanceTime(100)
    const next = sessions.visit('ada', {})
    expect(await outcomeOf(next)).toBe('pending')
    expect(ends()).toEqual([undefined])
    expect(box.signal.aborted).toBe(false)
    box.release()
    expect((await next).session).toMatchObject({ isNew: true, lostReason: 'ttl' })
    expect(ends()).toEqual(['ttl', undefined])
  })

  it.each([
    { oom: false, reason: 'crash' },
    { oom: true, reason: 'oom' },
  ])('when its container exits, with the reason $reason', async ({ oom, reason }) => {
    const { sessions, containers } = fakeSessions()
    const box = await sessions.visit('ada', {})
    containers[0]?.agent.exit({ oom })
    await flushStreams()
    expect(box.signal.reason).toBe('crash')
    expect((await sessions.visit('ada', {})).session).toMatchObject({
      isNew: true,
      lostReason: reason,
    })
  })

  it('when its container exits, and a request that waits for its turn gets the next session', async () => {
    const { sessions, containers } = fakeSessions()
    const first = await sessions.visit('ada', { sessionConcurrency: 1 })
    const second = sessions.visit('ada', { sessionConcurrency: 1 })
    const third = sessions.visit('ada', { sessionConcurrency: 1 })
    await flushStreams()
    containers[0]?.agent.exit()
    await flushStreams()
    expect(first.signal.reason).toBe('crash')
    const box = await second
    expect(box.signal.aborted).toBe(false)
    expect(box.session).toMatchObject({ isNew: true, lostReason: 'crash' })
    box.release()
    expect((await third).name).toBe(box.name)
    expect(containers).toHaveLength(2)
  })

  it('at once by end(), with its requests', async () => {
    const { sessions, ends } = fakeSessions()
    const box = await sessions.visit('ada', {})
    const other = await sessions.visit('ada', {})
    await box.session?.end()
    expect([box.signal.aborted, other.signal.aborted]).toEqual([true, true])
    expect(ends()).toEqual(['released'])
    expect(await sessions.end('ada', {})).toBe(0)
    await sessions.visit('ada', { tenant: 'a' })
    expect(await sessions.end('ada', { tenant: 'b' })).toBe(0)
    expect(await sessions.end('ada', { tenant: 'a' })).toBe(1)
  })

  it('when the pool closes, as soon as its requests are over', async () => {
    const { sessions, ends } = fakeSessions()
    const idle = await sessions.visit('idle', {})
    idle.release()
    const busy = await sessions.visit('busy', {})
    const closing = sessions.close({ deadlineMs: 1000 })
    await flushStreams()
    expect(ends()).toEqual(['closed', undefined])
    await expect(sessions.visit('busy', {})).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    busy.release()
    await flushStreams()
    expect(ends()).toEqual(['closed', 'closed'])
    await closing
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('onSessionEnd', () => {
  it('gets the sandbox before the container leaves, and the next request waits for it', async () => {
    const saved = deferred<void>()
    const onSessionEnd = vi.fn(() => saved.promise)
    const { sessions, ends } = fakeSessions({ onSessionEnd })
    const box = await sessions.visit('ada', { sessionIdleMs: 10, tenant: 'team' })
    box.release()
    advanceTime(10)
    await flushStreams()
    expect(onSessionEnd).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ id: 'ada', tenant: 'team', reason: 'idle' }),
      expect.objectContaining({ name: box.name }),
    )
    const next = sessions.visit('ada', { tenant: 'team' })
    expect(await outcomeOf(next)).toBe('pending')
    expect(ends()).toEqual([undefined])
    saved.resolve()
    expect((await next).session).toMatchObject({ isNew: true, lostReason: 'idle' })
  })

  it('gets the sandbox of a session that is in use until the pool closes', async () => {
    const saved = deferred<void>()
    const onSessionEnd = vi.fn(() => saved.promise)
    const { sessions } = fakeSessions({ onSessionEnd })
    const box = await sessions.visit('ada', {})
    const closing = sessions.close({ deadlineMs: 4000 })
    advanceTime(2900)
    await flushStreams()
    expect(box.signal.aborted).toBe(false)
    advanceTime(100)
    await flushStreams()
    expect(box.signal.reason).toBe('closed')
    expect(onSessionEnd).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ reason: 'closed', requests: 0, idleMs: expect.closeTo(0, -1) }),
      expect.objectContaining({ name: box.name }),
    )
    expect(await outcomeOf(closing)).toBe('pending')
    saved.resolve()
    await closing
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has ten seconds, and its failure is a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue()
    const hangs = fakeSessions({ onSessionEnd: () => new Promise(() => {}) })
    const fails = fakeSessions({ onSessionEnd: () => Promise.reject(new Error('no disk')) })
    for (const { sessions } of [hangs, fails]) {
      const box = await sessions.visit('ada', {})
      void box.session?.end()
    }
    await flushStreams()
    advanceTime(10_000)
    await flushStreams()
    expect([hangs.ends(), fails.ends()]).toEqual([['released'], ['released']])
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      'onSessionEnd failed: no disk',
      'onSessionEnd did not finish within 10000 ms',
    ])
  })

  it('gets no sandbox after a crash', async () => {
    const onSessionEnd = vi.fn()
    const { sessions, containers } = fakeSessions({ onSessionEnd })
    await sessions.visit('ada', {})
    containers[0]?.agent.exit()
    await flushStreams()
    expect(onSessionEnd).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ reason: 'crash' }),
      undefined,
    )
  })
})
