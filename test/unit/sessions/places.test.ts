import { describe, expect, it } from 'vitest'
import { Kind } from '../../../src/agent/protocol.js'
import { awaited, flushStreams } from '../fakes/fake-agent.js'
import { outcomeOf, settled } from '../fakes/fake-pool.js'
import { fakeSessions } from '../fakes/fake-sessions.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('the bounds of sessions', () => {
  it('refuse one more session than maxSessions, and say when one may end', async () => {
    const { sessions } = fakeSessions({ maxSessions: 1 })
    const box = await sessions.visit('ada', { sessionIdleMs: 5000 })
    box.release()
    advanceTime(1000)
    const error = await outcomeOf(sessions.visit('bob', {}))
    expect(error).toMatchObject({ code: 'SANDBOX_TOO_MANY_SESSIONS' })
    expect(error).toHaveProperty('retryAfterMs', expect.closeTo(4000, -2))
    expect((await sessions.visit('ada', {})).session?.isNew).toBe(false)
  })

  it('hold while many sessions begin at once', async () => {
    const { sessions, containers } = fakeSessions({ maxSessions: 2 })
    const ids = ['a', 'b', 'c', 'd', 'e']
    const ends = await Promise.all(ids.map(async (id) => outcomeOf(sessions.visit(id, {}))))
    expect(containers).toHaveLength(2)
    expect(ends.filter((end) => end instanceof Error)).toHaveLength(3)
  })

  it('refuse the session of a tenant above maxSessionsPerTenant, and not the others', async () => {
    const { sessions } = fakeSessions({ maxSessionsPerTenant: 1 })
    await sessions.visit('one', { tenant: 'greedy' })
    await expect(sessions.visit('two', { tenant: 'greedy' })).rejects.toMatchObject({
      code: 'SANDBOX_TENANT_LIMIT',
      message: expect.not.stringContaining('greedy'),
    })
    await sessions.visit('one', { tenant: 'modest' })
    await sessions.visit('one', {})
    expect(sessions.size).toBe(3)
  })

  it('name the option max if there is no place for a session at all', async () => {
    const { sessions } = fakeSessions({ maxSessions: 0 })
    await expect(sessions.visit('ada', {})).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.stringContaining('max is 1'),
    })
  })

  it('are free again after a container could not be leased', async () => {
    const { sessions, source } = fakeSessions({ maxSessions: 1 })
    const works = source.acquire
    source.acquire = () => Promise.reject(new Error('no engine'))
    await expect(sessions.visit('ada', {})).rejects.toThrow('no engine')
    source.acquire = works
    expect((await sessions.visit('bob', {})).session?.isNew).toBe(true)
  })
})

describe('evictIdle', () => {
  it('ends the session that has been idle for the longest time, and tells its owner', async () => {
    const { sessions } = fakeSessions({ maxSessions: 2, evictIdle: true })
    for (const id of ['old', 'young']) {
      const box = await sessions.visit(id, {})
      box.release()
      advanceTime(1000)
    }
    await sessions.visit('new', {})
    expect(sessions.list().map(({ id }) => id)).toEqual(['young', 'new'])
    const back = await sessions.visit('old', {})
    expect(back.session).toMatchObject({ isNew: true, lostReason: 'evicted' })
    expect(sessions.list().map(({ id }) => id)).toEqual(['new', 'old'])
  })

  it('never ends a session with a request or a running process', async () => {
    const { sessions, containers } = fakeSessions({ maxSessions: 2, evictIdle: true })
    const busy = await sessions.visit('busy', {})
    const server = await sessions.visit('server', {})
    const agent = containers[1]!.agent
    const starting = server.startProcess('python3 -m http.server')
    await flushStreams()
    agent.started(1, { pid: 7 })
    await starting
    server.release()
    const waiting = sessions.visit('new', { timeoutMs: 1000 })
    expect(await outcomeOf(waiting)).toBe('pending')
    expect(sessions.list().map(({ id }) => id)).toEqual(['busy', 'server'])
    busy.release()
    expect((await waiting).session?.isNew).toBe(true)
    expect(sessions.list().map(({ id }) => id)).toEqual(['server', 'new'])
    expect(agent.receivedOf(Kind.signal)).toEqual([])
  })

  it('gives the places to the requests in their order, and refuses the last in time', async () => {
    const { sessions } = fakeSessions({ maxSessions: 1, evictIdle: true })
    const first = await sessions.visit('first', {})
    const second = sessions.visit('second', {})
    const third = settled(sessions.visit('third', { timeoutMs: 1000 }))
    await flushStreams()
    first.release()
    const box = await second
    expect(box.session?.id).toBe('second')
    advanceTime(1000)
    expect(await third).toMatchObject({ code: 'SANDBOX_TOO_MANY_SESSIONS' })
    expect(box.signal.aborted).toBe(false)
  })

  it('makes room for a tenant only among its own sessions', async () => {
    const { sessions } = fakeSessions({
      maxSessions: 2,
      maxSessionsPerTenant: 1,
      evictIdle: true,
    })
    const other = await sessions.visit('other', { tenant: 'b' })
    other.release()
    advanceTime(1000)
    const own = await sessions.visit('one', { tenant: 'a' })
    void awaited(own.exec('true'))
    await expect(sessions.visit('two', { tenant: 'a' })).rejects.toMatchObject({
      code: 'SANDBOX_TENANT_LIMIT',
    })
    own.release()
    expect((await sessions.visit('two', { tenant: 'a' })).session?.isNew).toBe(true)
    expect(sessions.list().map(({ id }) => id)).toEqual(['other', 'two'])
  })
})
