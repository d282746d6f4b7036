import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const EXITED = { code: 'SANDBOX_PROCESS_EXITED' }
const INVALID = { code: 'SANDBOX_INVALID_OPTION' }

/** Leases a sandbox and starts processes one after the other. */
async function sandboxWith(...ids: (string | undefined)[]) {
  const fixture = await leaseSandbox()
  let last = 0
  const start = async (id?: string) => {
    const starting = fixture.sandbox.startProcess('x', id === undefined ? {} : { id })
    fixture.agent.started(++last, { pid: 100 + last })
    return starting
  }
  for (const id of ids) await start(id)
  const names = () => fixture.sandbox.listProcesses().map(({ id }) => id)
  return { ...fixture, start, names }
}

describe('startProcess()', () => {
  it('requests the command, and resolves when it runs', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const options = { cwd: '/tmp', env: { A: '1' } }
    const shell = sandbox.startProcess('a | b', options)
    const direct = sandbox.startProcess(['a', '| b'])
    await flushStreams()
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
    ['its stderr', { exitCode: 127 }, 'sh: x: not found\n', 'sh: x: not found'],
    ['its exit code', { exitCode: 126 }, '', 'exit code 126'],
    ['the error of the agent', { error: { code: 'EAGAIN', message: 'no' } }, '', 'EAGAIN: no'],
  ])('rejects with %s if the process cannot be started', async (_, done, stderr, reason) => {
    const { agent, sandbox } = await leaseSandbox()
    const starting = sandbox.startProcess('x', { id: 'server' })
    if (stderr) agent.data(1, Stream.stderr, stderr)
    agent.done(1, done)
    await expect(starting).rejects.toMatchObject({
      ...EXITED,
      message: `the process server could not be started: ${reason}`,
    })
    expect(sandbox.listProcesses()).toEqual([])
    expect(vi.getTimerCount()).toBe(1)
  })

  it('kills the process if it does not start in time', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const starting = sandbox.startProcess('x')
    const withTimeout = sandbox.startProcess('x', { timeoutMs: 5 })
    advanceTime(5)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(2, { signal: 'SIGKILL' })
    const late = { code: 'SANDBOX_WAIT_TIMEOUT' }
    await expect(withTimeout).rejects.toMatchObject(late)
    advanceTime(29_995)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL', 'SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    await expect(starting).rejects.toMatchObject(late)
    expect(vi.getTimerCount()).toBe(1)
  })

  it('rejects if its signal aborts before the process runs', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const abort = new AbortController()
    const starting = sandbox.startProcess('x', { signal: abort.signal })
    await flushStreams()
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

  it('rejects if the agent reports the start without a pid', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const starting = sandbox.startProcess('x', { timeoutMs: 100 })
    agent.started(1, {})
    await flushStreams()
    vi.advanceTimersByTime(2000)
    await flushStreams()
    expect(await outcomeOf(starting)).toMatchObject(EXITED)
  })

  it('rejects if the container exits, and after the end of the lease', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const starting = sandbox.startProcess('x')
    await flushStreams()
    agent.exit()
    await expect(starting).rejects.toMatchObject(EXITED)
    sandbox.release('crash')
    await expect(sandbox.startProcess('x')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })
})

describe('the ids of processes', () => {
  it('are numbered in order, or chosen by the caller', async () => {
    const { names, sandbox } = await sandboxWith(undefined, 'server', undefined)
    expect(names()).toEqual(['process-1', 'server', 'process-2'])
    expect(sandbox.listProcesses().map(({ pid }) => pid)).toEqual([101, 102, 103])
  })

  it('are refused while another process with the id runs', async () => {
    const { agent, sandbox, start, names } = await sandboxWith('server')
    await expect(sandbox.startProcess('x', { id: 'server' })).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringContaining('"server" is running'),
    })
    agent.done(1)
    await flushStreams()
    const { pid } = await start('server')
    expect(names()).toEqual(['server'])
    expect(sandbox.listProcesses()[0]?.pid).toBe(pid)
  })

  it('are refused while another process with the id starts', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const first = sandbox.startProcess('x', { id: 'server' })
    const second = sandbox.startProcess('y', { id: 'server' })
    second.catch(() => {})
    agent.started(1, { pid: 7 })
    expect(await first).toMatchObject({ pid: 7 })
    await flushStreams()
    expect(await outcomeOf(second)).toMatchObject(INVALID)
  })

  it('skip a number that a caller has chosen', async () => {
    const { start, names } = await sandboxWith('process-1')
    await start()
    expect(names()).toEqual(['process-1', 'process-2'])
  })

  it('choose the process that killProcess() signals', async () => {
    const { agent, sandbox } = await sandboxWith('one', 'two')
    sandbox.killProcess('two', 'SIGTERM')
    sandbox.killProcess('one')
    await flushStreams()
    const killed = agent.received.slice(-2).map(({ id, payload }) => `${id} ${payload.toString()}`)
    expect(killed).toEqual(['2 SIGTERM', '1 SIGKILL'])
  })

  it('are listed in the error of killProcess() for an unknown id', async () => {
    const empty = await leaseSandbox()
    const unknown = { code: 'SANDBOX_UNKNOWN_PROCESS' }
    expect(() => empty.sandbox.killProcess('x')).toThrow(expect.objectContaining(unknown))
    expect(() => empty.sandbox.killProcess('x')).toThrow('there are no processes')
    const { sandbox } = await sandboxWith('one', 'two')
    expect(() => sandbox.killProcess('x')).toThrow('the processes are one, two')
  })
})

describe('processes that have exited', () => {
  it('are listed, at most the last twenty', async () => {
    const ids = Array.from({ length: 25 }, (_, index) => `p${index}`)
    const { agent, names, sandbox } = await sandboxWith(...ids)
    for (let id = 2; id <= 25; id++) agent.done(id)
    await flushStreams()
    expect(names()).toEqual(['p0', ...ids.slice(5)])
    expect(sandbox.listProcesses()[0]?.status).toBe('running')
    expect(() => sandbox.killProcess('p1')).toThrow('no process has this id')
  })

  it('are replaced in the list by a new process with their id', async () => {
    const { agent, start, names } = await sandboxWith('one', 'two')
    agent.done(1)
    await flushStreams()
    await start('one')
    expect(names()).toEqual(['two', 'one'])
  })

  it('leave the list when other processes are started', async () => {
    const { agent, start, names } = await sandboxWith()
    for (let id = 1; id <= 30; id++) {
      await start()
      agent.done(id)
      await flushStreams()
    }
    expect(names().length).toBeLessThanOrEqual(21)
    expect(names().at(-1)).toBe('process-30')
  })

  it('get no signal from killProcess()', async () => {
    const { agent, sandbox } = await sandboxWith('one')
    agent.done(1)
    await flushStreams()
    sandbox.killProcess('one')
    await flushStreams()
    expect(agent.signals).toEqual([])
  })
})

describe('the end of a lease', () => {
  it('ends all processes', async () => {
    const { sandbox } = await sandboxWith('one', 'two')
    sandbox.release()
    const ends = await Promise.all(sandbox.listProcesses().map(async ({ exited }) => exited))
    expect(ends).toMatchObject([{ killedBy: 'abort' }, { killedBy: 'abort' }])
  })
})
