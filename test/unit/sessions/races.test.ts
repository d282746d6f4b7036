import { describe, expect, it } from 'vitest'
import { deferred } from '../../../src/util/deferred.js'
import { Stream } from '../../../src/agent/protocol.js'
import { awaited, flushStreams } from '../fakes/fake-agent.js'
import { outcomeOf, settled } from '../fakes/fake-pool.js'
import { fakeSessions } from '../fakes/fake-sessions.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('a request of a session', () => {
  it('gets an idle container with timeoutMs 0', async () => {
    const { sessions } = fakeSessions()
    const box = await sessions.visit('ada', { timeoutMs: 0 })
    expect(box.session?.isNew).toBe(true)
  })

  it('never gets a lease that has ended: it waits for the next session', async () => {
    const { sessions } = fakeSessions()
    const first = await sessions.visit('ada', { sessionConcurrency: 1 })
    const second = sessions.visit('ada', { sessionConcurrency: 1 })
    await flushStreams()
    first.release()
    void first.session?.end()
    const box = await second
    expect(box.signal.aborted).toBe(false)
    expect(box.session?.isNew).toBe(true)
  })

  it('that waits for its turn gets a new container if the container exits', async () => {
    const { sessions, containers } = fakeSessions()
    await sessions.visit('ada', { sessionConcurrency: 1 })
    const second = sessions.visit('ada', { sessionConcurrency: 1 })
    await flushStreams()
    containers[0]?.agent.exit()
    await flushStreams()
    const box = await second
    expect(box.signal.aborted).toBe(false)
    expect(box.session).toMatchObject({ isNew: true, lostReason: 'crash' })
  })

  it('gets no session that makes room for another one', async () => {
    const { sessions } = fakeSessions({ maxSessions: 1, evictIdle: true })
    const first = await sessions.visit('ada', {})
    const other = sessions.visit('bob', {})
    await flushStreams()
    first.release()
    const again = settled(sessions.visit('ada', { timeoutMs: 1000 }))
    expect((await other).signal.aborted).toBe(false)
    await flushStreams()
    advanceTime(1000)
    expect(await again).toMatchObject({ code: 'SANDBOX_TOO_MANY_SESSIONS' })
  })
})

describe('the container of a session', () => {
  /** Ends a request whose program is not confirmed to be killed within the usual time. */
  async function unconfirmed() {
    const { sessions, containers } = fakeSessions()
    const box = await sessions.visit('ada', {})
    const run = awaited(box.exec('while :; do :; done'))
    await flushStreams()
    box.release()
    advanceTime(500)
    expect(await run).toMatchObject({ killedBy: 'abort' })
    return { sessions, agent: containers[0]!.agent }
  }

  it('stays if its agent is busy and confirms the end of a program late', async () => {
    const { sessions, agent } = await unconfirmed()
    // More than the credit of the stream: the host must still grant credit.
    for (let sent = 0; sent < 8; sent++) agent.data(1, Stream.stdout, Buffer.alloc(64 * 1024))
    await flushStreams()
    expect(agent.creditOf(Stream.stdout)).toBeGreaterThan(128 * 1024)
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    await flushStreams()
    advanceTime(60_000)
    expect(agent.kills).toBe(0)
    expect((await sessions.visit('ada', {})).session?.isNew).toBe(false)
  })

  it('has lost the context of a run that is killed, before its agent confirms it', async () => {
    const { sessions, containers } = fakeSessions()
    const box = await sessions.visit('ada', {})
    const creating = box.createCodeContext()
    await flushStreams()
    containers[0]?.agent.started(1)
    const run = awaited(box.runCode('while True: pass', { context: await creating }))
    await flushStreams()
    box.release()
    advanceTime(500)
    advanceTime(400)
    expect(containers[0]?.agent.signals).toEqual(['SIGINT', 'SIGKILL'])
    expect(await run).toMatchObject({ killedBy: 'abort', context: 'lost' })
  })

  it('is killed if its agent never confirms it, and the next request gets another one', async () => {
    const { sessions, agent } = await unconfirmed()
    agent.isFrozen = true // the engine does not report the exit yet
    advanceTime(29_000)
    expect(agent.kills).toBe(0)
    advanceTime(1000)
    expect(agent.kills).toBe(1)
    const next = sessions.visit('ada', {})
    expect(await outcomeOf(next)).toBe('pending')
    agent.exit()
    expect((await next).session).toMatchObject({ isNew: true, lostReason: 'crash' })
  })
})

describe('evictIdle', () => {
  it('evicts a session whose last process exits while a request waits', async () => {
    const { sessions, containers } = fakeSessions({ maxSessions: 1, evictIdle: true })
    const server = await sessions.visit('server', {})
    const { agent } = containers[0]!
    const starting = server.startProcess('sleep 1')
    await flushStreams()
    agent.started(1, { pid: 7 })
    await starting
    server.release()
    const waiting = sessions.visit('new', { timeoutMs: 1000 })
    expect(await outcomeOf(waiting)).toBe('pending')
    agent.done(1, { exitCode: 0 })
    await flushStreams()
    expect((await waiting).session?.id).toBe('new')
  })

  it('does not wait for a session that is too old and in use, if another one is idle', async () => {
    const { sessions } = fakeSessions({ maxSessions: 2, evictIdle: true })
    await sessions.visit('old', { sessionTtlMs: 100 })
    const idle = await sessions.visit('idle', {})
    idle.release()
    advanceTime(100)
    await flushStreams()
    const box = await sessions.visit('new', { timeoutMs: 1000 })
    expect(box.session?.id).toBe('new')
  })
})

describe('a place that becomes free', () => {
  it('goes to the next request if the first one leaves at the same moment', async () => {
    const { sessions } = fakeSessions({ maxSessions: 1, evictIdle: true })
    const box = await sessions.visit('ada', {})
    const client = new AbortController()
    const left = settled(sessions.visit('bob', { signal: client.signal }))
    const next = sessions.visit('eve', {})
    await flushStreams()
    box.release()
    client.abort()
    expect(await left).toMatchObject({ code: 'SANDBOX_ACQUIRE_ABORTED' })
    expect((await next).session?.isNew).toBe(true)
  })

  it('goes to the next request if the tenant of the first one has no further place', async () => {
    const { sessions } = fakeSessions({ maxSessions: 2, maxSessionsPerTenant: 1, evictIdle: true })
    const one = await sessions.visit('one', {})
    const two = await sessions.visit('two', {})
    const own = sessions.visit('own', { tenant: 'a' })
    const more = settled(sessions.visit('more', { tenant: 'a' }))
    const last = sessions.visit('last', {})
    await flushStreams()
    one.release()
    await flushStreams()
    two.release()
    expect(await more).toMatchObject({ code: 'SANDBOX_TENANT_LIMIT' })
    expect((await last).session?.isNew).toBe(true)
    expect((await own).session?.isNew).toBe(true)
  })

  it('goes to a request that waits before it goes to a later one', async () => {
    const saved = deferred<void>()
    const { sessions } = fakeSessions({
      maxSessions: 1,
      evictIdle: true,
      onSessionEnd: () => saved.promise,
    })
    const ada = await sessions.visit('ada', {})
    const first = sessions.visit('first', {})
    await flushStreams()
    void ada.session?.end()
    await flushStreams()
    const second = settled(sessions.visit('second', { timeoutMs: 1000 }))
    await flushStreams()
    saved.resolve()
    expect((await first).session?.isNew).toBe(true)
    advanceTime(1000)
    expect(await second).toMatchObject({ code: 'SANDBOX_TOO_MANY_SESSIONS' })
  })
})

describe('the time of a retry', () => {
  it('is not before the idle time of a session in use', async () => {
    const { sessions } = fakeSessions({ maxSessions: 1 })
    await sessions.visit('ada', { sessionIdleMs: 5000 })
    advanceTime(60_000)
    const error = await outcomeOf(sessions.visit('bob', {}))
    expect(error).toHaveProperty('retryAfterMs', expect.closeTo(5000, -2))
  })
})
