import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { LATE_MS } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ExecHandle, Sandbox } from '../../../src/index.js'
import {
  awaited,
  callWith,
  collectEvents,
  flushStreams,
  leaseSandbox,
  unhandledRejectionsIn,
} from '../fakes/fake-agent.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('kill() of a handle', () => {
  it('sends SIGKILL, and kills the container later if the agent does not confirm the end', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const result = awaited(handle)
    handle.kill()
    vi.advanceTimersByTime(400)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(1)
    expect(await result).toMatchObject({ exitCode: null, signal: 'SIGKILL', killedBy: 'abort' })
    expect(agent.kills).toBe(0)
    advanceTime(LATE_MS)
    expect(agent.kills).toBe(1)
  })

  it('does not kill the container if the agent confirms the end', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    handle.kill()
    agent.done(1, { signal: 'SIGKILL' })
    expect(await handle).toMatchObject({ signal: 'SIGKILL', killedBy: 'abort' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('sends another signal by its name, and does not kill the container', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    handle.kill('SIGINT')
    handle.kill('SIGUSR1')
    vi.advanceTimersByTime(5000)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT', 'SIGUSR1'])
    expect(agent.kills).toBe(0)
    agent.done(1, { exitCode: 130 })
    expect(await handle).not.toHaveProperty('killedBy')
  })

  it.each(['SIGNOTHING', 'sigint', 'INT', '', 9, null])('refuses %j', async (signal) => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    expect(() => callWith(handle, 'kill', signal)).toThrow(
      expect.objectContaining({
        code: 'SANDBOX_INVALID_OPTION',
        message: 'kill: signal is not valid, expected the name of a signal',
      }),
    )
    await flushStreams()
    expect(agent.signals).toEqual([])
  })

  it('sends nothing after the end of the program', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    agent.done(1)
    const result = await handle
    handle.kill()
    handle.kill('SIGINT')
    vi.advanceTimersByTime(5000)
    await flushStreams()
    expect(agent.signals).toEqual([])
    expect(agent.kills).toBe(0)
    expect(await handle).toEqual(result)
  })

  it('ends a loop over the events after the last output', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    agent.data(1, Stream.stdout, 'a')
    const types: string[] = []
    for await (const event of handle) {
      types.push(event.type === 'exit' ? `exit ${event.killedBy}` : event.type)
      if (event.type !== 'stdout') continue
      handle.kill()
      await flushStreams()
      agent.data(1, Stream.stderr, 'last words')
      agent.done(1, { signal: 'SIGKILL' })
    }
    expect(types).toEqual(['stdout', 'stderr', 'exit abort'])
  })
})

type RefusedCall = [string, string, (sandbox: Sandbox) => ExecHandle]

const REFUSED_CALLS: RefusedCall[] = [
  [
    'an invalid option',
    'SANDBOX_INVALID_OPTION',
    (sandbox) => sandbox.exec('x', { timeoutMs: -1 }),
  ],
  ['an empty command', 'SANDBOX_INVALID_OPTION', (sandbox) => sandbox.exec([])],
  [
    'a request that is too long',
    'SANDBOX_INVALID_OPTION',
    (sandbox) => sandbox.runCode('x'.repeat(2 ** 24)),
  ],
  [
    'a lease that has ended',
    'SANDBOX_LEASE_ENDED',
    (sandbox) => {
      sandbox.release()
      return sandbox.exec('x')
    },
  ],
]

describe.each(REFUSED_CALLS)('a call that is refused because of %s', (_, code, call) => {
  it('rejects then(), catch(), finally() and a loop', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const promises = [
      call(sandbox),
      call(sandbox).catch((error: unknown) => Promise.reject(error)),
      call(sandbox).finally(() => {}),
      collectEvents(call(sandbox)).loopEnd,
    ]
    const unhandled = await unhandledRejectionsIn(async () => {
      for (const promise of promises) await expect(promise).rejects.toMatchObject({ code })
    })
    expect(unhandled).toEqual([])
    expect(agent.received).toEqual([])
  })

  it('ignores kill(), and its stdin is closed', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = call(sandbox)
    handle.kill()
    await expect(handle.stdin.getWriter().write('a')).rejects.toMatchObject({
      code: 'SANDBOX_STDIN_CLOSED',
    })
    await expect(handle).rejects.toMatchObject({ code })
    vi.advanceTimersByTime(1500)
    await flushStreams()
    expect(agent.received).toEqual([])
  })

  it('causes one unhandled rejection if its handle is not used', async () => {
    const { sandbox } = await leaseSandbox()
    const unhandled = await unhandledRejectionsIn(async () => void call(sandbox))
    expect(unhandled).toEqual([expect.objectContaining({ code })])
  })
})

describe('a call whose signal had aborted before', () => {
  it('returns an aborted result, and sends nothing', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const signal = AbortSignal.abort()
    const handle = sandbox.exec('x', { signal, onStdout: () => {} })
    const aborted = { exitCode: null, signal: null, killedBy: 'abort' }
    expect(await handle).toMatchObject({ ...aborted, stdout: '' })
    const { events, loopEnd } = collectEvents(sandbox.exec('x', { signal }))
    await loopEnd
    expect(events).toEqual([expect.objectContaining({ type: 'exit', ...aborted })])
    handle.kill()
    expect(await handle.stdin.close()).toBeUndefined()
    expect(agent.received).toEqual([])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('cancels the stream of its stdin', async () => {
    const { sandbox } = await leaseSandbox()
    const cancel = vi.fn<() => void>()
    const stdin = new ReadableStream<Uint8Array>({ cancel })
    await sandbox.exec('x', { stdin, signal: AbortSignal.abort() })
    await flushStreams()
    expect(cancel).toHaveBeenCalledOnce()
  })
})

describe('an abort of the signal of a call', () => {
  it.each(['await', 'loop'])('kills the program and ends the %s', async (use) => {
    const { agent, sandbox } = await leaseSandbox()
    const abort = new AbortController()
    const handle = sandbox.exec('x', { signal: abort.signal })
    const end = use === 'loop' ? collectEvents(handle).loopEnd : awaited(handle)
    await flushStreams()
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
    abort.abort()
    await flushStreams()
    expect(agent.receivedOf(Kind.signal)).toHaveLength(1)
    agent.done(1, { signal: 'SIGKILL' })
    await end
    expect(await handle).toMatchObject({ killedBy: 'abort' })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })
})
