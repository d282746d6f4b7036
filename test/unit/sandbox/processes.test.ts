import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { flow, leased } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const EXITED = { code: 'SANDBOX_PROCESS_EXITED' }
const INVALID = { code: 'SANDBOX_INVALID_OPTION' }

/** A lease in which processes are started one after the other. */
async function started(...ids: (string | undefined)[]) {
  const world = await leased()
  let last = 0
  const start = async (id?: string) => {
    const starting = world.sandbox.startProcess('x', id === undefined ? {} : { id })
    world.agent.started(++last, { pid: 100 + last })
    return starting
  }
  for (const id of ids) await start(id)
  const names = () => world.sandbox.listProcesses().map(({ id }) => id)
  return { ...world, start, names }
}

describe('startProcess()', () => {
  it('asks for the command, and resolves when it runs', async () => {
    const { agent, sandbox } = await leased()
    const options = { cwd: '/tmp', env: { A: '1' } }
    const shell = sandbox.startProcess('a | b', options)
    const direct = sandbox.startProcess(['a', '| b'])
    await flow()
    expect(agent.requests).toEqual([
      { op: 'exec', argv: ['/bin/sh', '-c', 'a | b'], ...options },
      { op: 'exec', argv: ['a', '| b'] },
    ])
    expect(await outcomeOf(shell)).toBe('pending')
    agent.started(1, { pid: 7 })
    agent.started(2, { pid: 8 })
    expect(await shell).toMatchObject({ id: 'process-1', pid: 7, command: 'a | b' })
    expect(await direct).toMatchObject({ id: 'process-2', pid: 8, command: ['a', '| b'] })
  })

  it.each<[string, object, string, string]>([
    ['with what it says', { exitCode: 127 }, 'sh: x: not found\n', 'sh: x: not found'],
    ['with its exit code', { exitCode: 126 }, '', 'exit code 126'],
    ['with the reason', { error: { code: 'EAGAIN', message: 'no' } }, '', 'EAGAIN: no'],
  ])('rejects where it cannot be started, %s', async (_, done, stderr, why) => {
    const { agent, sandbox } = await leased()
    const starting = sandbox.startProcess('x', { id: 'server' })
    if (stderr) agent.data(1, Stream.stderr, stderr)
    agent.done(1, done)
    await expect(starting).rejects.toMatchObject({
      ...EXITED,
      message: `the process server could not be started: ${why}`,
    })
    expect(sandbox.listProcesses()).toEqual([])
    expect(vi.getTimerCount()).toBe(1)
  })

  it('gives up a start that takes too long, and kills it', async () => {
    const { agent, sandbox } = await leased()
    const starting = sandbox.startProcess('x')
    const short = sandbox.startProcess('x', { timeoutMs: 5 })
    elapse(5)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(2, { signal: 'SIGKILL' })
    const late = { code: 'SANDBOX_WAIT_TIMEOUT' }
    await expect(short).rejects.toMatchObject(late)
    elapse(29_995)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL', 'SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    await expect(starting).rejects.toMatchObject(late)
    expect(vi.getTimerCount()).toBe(1)
  })

  it('rejects where its signal aborts before it runs', async () => {
    const { agent, sandbox } = await leased()
    const abort = new AbortController()
    const starting = sandbox.startProcess('x', { signal: abort.signal })
    await flow()
    abort.abort()
    agent.done(1, { signal: 'SIGKILL' })
    await expect(starting).rejects.toMatchObject({ name: 'AbortError' })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    const { signal } = abort
    await expect(sandbox.startProcess('x', { signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(agent.requests).toHaveLength(1)
  })

  it('does not wait for ever for an agent that says it runs, without its number', async () => {
    const { agent, sandbox } = await leased()
    const starting = sandbox.startProcess('x', { timeoutMs: 100 })
    agent.started(1, {})
    await flow()
    vi.advanceTimersByTime(2000)
    await flow()
    expect(await outcomeOf(starting)).toMatchObject(EXITED)
  })

  it('rejects when the container goes, and after the lease', async () => {
    const { agent, sandbox } = await leased()
    const starting = sandbox.startProcess('x')
    await flow()
    agent.exit()
    await expect(starting).rejects.toMatchObject(EXITED)
    sandbox.release('crash')
    await expect(sandbox.startProcess('x')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })
})

describe('ids', () => {
  it('are given in order, or are one’s own', async () => {
    const { names, sandbox } = await started(undefined, 'server', undefined)
    expect(names()).toEqual(['process-1', 'server', 'process-2'])
    expect(sandbox.listProcesses().map(({ pid }) => pid)).toEqual([101, 102, 103])
  })

  it('are not given twice while one runs', async () => {
    const { agent, sandbox, start, names } = await started('server')
    await expect(sandbox.startProcess('x', { id: 'server' })).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringContaining('"server" is running'),
    })
    agent.done(1)
    await flow()
    const { pid } = await start('server')
    expect(names()).toEqual(['server'])
    expect(sandbox.listProcesses()[0]?.pid).toBe(pid)
  })

  it('are not given twice at the same time', async () => {
    const { agent, sandbox } = await leased()
    const first = sandbox.startProcess('x', { id: 'server' })
    const second = sandbox.startProcess('y', { id: 'server' })
    second.catch(() => {})
    agent.started(1, { pid: 7 })
    expect(await first).toMatchObject({ pid: 7 })
    await flow()
    expect(await outcomeOf(second)).toMatchObject(INVALID)
  })

  it('of our own give way to one’s own', async () => {
    const { start, names } = await started('process-1')
    await start()
    expect(names()).toEqual(['process-1', 'process-2'])
  })

  it('find what to kill', async () => {
    const { agent, sandbox } = await started('one', 'two')
    sandbox.killProcess('two', 'SIGTERM')
    sandbox.killProcess('one')
    await flow()
    const killed = agent.heard.slice(-2).map(({ id, payload }) => `${id} ${payload.toString()}`)
    expect(killed).toEqual(['2 SIGTERM', '1 SIGKILL'])
  })

  it('that are none are told with those that are', async () => {
    const none = await leased()
    const unknown = { code: 'SANDBOX_UNKNOWN_PROCESS' }
    expect(() => none.sandbox.killProcess('x')).toThrow(expect.objectContaining(unknown))
    expect(() => none.sandbox.killProcess('x')).toThrow('there are no processes')
    const { sandbox } = await started('one', 'two')
    expect(() => sandbox.killProcess('x')).toThrow('the processes are one, two')
  })
})

describe('processes that exited', () => {
  it('are listed, the last twenty of them', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `p${index}`)
    const { agent, names, sandbox } = await started(...ids)
    for (let id = 2; id <= 25; id++) agent.done(id)
    await flow()
    expect(names()).toEqual(['p0', ...ids.slice(5)])
    expect(sandbox.listProcesses()[0]?.status).toBe('running')
    expect(() => sandbox.killProcess('p1')).toThrow('no process has this id')
  })

  it('give their id to another, which is the last in the list', async () => {
    const { agent, start, names } = await started('one', 'two')
    agent.done(1)
    await flow()
    await start('one')
    expect(names()).toEqual(['two', 'one'])
  })

  it('are forgotten when others are started', async () => {
    const { agent, start, names } = await started()
    for (let id = 1; id <= 30; id++) {
      await start()
      agent.done(id)
      await flow()
    }
    expect(names().length).toBeLessThanOrEqual(21)
    expect(names().at(-1)).toBe('process-30')
  })

  it('may be killed, which does nothing', async () => {
    const { agent, sandbox } = await started('one')
    agent.done(1)
    await flow()
    sandbox.killProcess('one')
    await flow()
    expect(agent.signals).toEqual([])
  })
})

describe('the end of the lease', () => {
  it('ends them all', async () => {
    const { sandbox } = await started('one', 'two')
    sandbox.release()
    const ends = await Promise.all(sandbox.listProcesses().map(async ({ exited }) => exited))
    expect(ends).toMatchObject([{ killedBy: 'abort' }, { killedBy: 'abort' }])
  })
})
