import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ExecHandle, Sandbox } from '../../../src/index.js'
import { awaited, callWith, eventsOf, flow, leased, unhandledIn } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

describe('kill()', () => {
  it('is sure: SIGKILL, and if that is not confirmed the whole container', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const result = awaited(handle)
    handle.kill()
    vi.advanceTimersByTime(400)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(1)
    expect(await result).toMatchObject({ exitCode: null, signal: 'SIGKILL', killedBy: 'abort' })
    expect(agent.kills).toBe(1)
  })

  it('that is confirmed leaves the container alone', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    handle.kill()
    agent.done(1, { signal: 'SIGKILL' })
    expect(await handle).toMatchObject({ signal: 'SIGKILL', killedBy: 'abort' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('takes a signal by its name, and does not insist', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    handle.kill('SIGINT')
    handle.kill('SIGUSR1')
    vi.advanceTimersByTime(5000)
    await flow()
    expect(agent.signals).toEqual(['SIGINT', 'SIGUSR1'])
    expect(agent.kills).toBe(0)
    agent.done(1, { exitCode: 130 })
    expect(await handle).not.toHaveProperty('killedBy')
  })

  it.each(['SIGNOTHING', 'sigint', 'INT', '', 9, null])('refuses %j', async (signal) => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    expect(() => callWith(handle, 'kill', signal)).toThrow(
      expect.objectContaining({
        code: 'SANDBOX_INVALID_OPTION',
        message: 'kill: signal is not valid, expected the name of a signal',
      }),
    )
    await flow()
    expect(agent.signals).toEqual([])
  })

  it('after the end does nothing', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    agent.done(1)
    const result = await handle
    handle.kill()
    handle.kill('SIGINT')
    vi.advanceTimersByTime(5000)
    await flow()
    expect(agent.signals).toEqual([])
    expect(agent.kills).toBe(0)
    expect(await handle).toEqual(result)
  })

  it('in a loop that reads on ends the loop', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    agent.data(1, Stream.stdout, 'a')
    const types: string[] = []
    for await (const event of handle) {
      types.push(event.type === 'exit' ? `exit ${event.killedBy}` : event.type)
      if (event.type !== 'stdout') continue
      handle.kill()
      await flow()
      agent.data(1, Stream.stderr, 'last words')
      agent.done(1, { signal: 'SIGKILL' })
    }
    expect(types).toEqual(['stdout', 'stderr', 'exit abort'])
  })
})

type Refusal = [string, string, (sandbox: Sandbox) => ExecHandle]

const REFUSALS: Refusal[] = [
  ['a bad option', 'SANDBOX_INVALID_OPTION', (sandbox) => sandbox.exec('x', { timeoutMs: -1 })],
  ['no command', 'SANDBOX_INVALID_OPTION', (sandbox) => sandbox.exec([])],
  [
    'an endless request',
    'SANDBOX_INVALID_OPTION',
    (sandbox) => sandbox.runCode('x'.repeat(2 ** 24)),
  ],
  [
    'a lease that is over',
    'SANDBOX_LEASE_ENDED',
    (sandbox) => {
      sandbox.release()
      return sandbox.exec('x')
    },
  ],
]

describe.each(REFUSALS)('a call refused for %s', (_, code, call) => {
  it('tells whoever awaits, catches, or iterates', async () => {
    const { agent, sandbox } = await leased()
    const told = [
      call(sandbox),
      call(sandbox).catch((error: unknown) => Promise.reject(error)),
      call(sandbox).finally(() => {}),
      eventsOf(call(sandbox)).over,
    ]
    const unhandled = await unhandledIn(async () => {
      for (const each of told) await expect(each).rejects.toMatchObject({ code })
    })
    expect(unhandled).toEqual([])
    expect(agent.heard).toEqual([])
  })

  it('has no program to kill and no stdin to write', async () => {
    const { agent, sandbox } = await leased()
    const handle = call(sandbox)
    handle.kill()
    await expect(handle.stdin.getWriter().write('a')).rejects.toMatchObject({
      code: 'SANDBOX_STDIN_CLOSED',
    })
    await expect(handle).rejects.toMatchObject({ code })
    vi.advanceTimersByTime(1500)
    await flow()
    expect(agent.heard).toEqual([])
  })

  it('that nobody looks at is one unhandled rejection, as of a promise', async () => {
    const { sandbox } = await leased()
    const unhandled = await unhandledIn(async () => void call(sandbox))
    expect(unhandled).toEqual([expect.objectContaining({ code })])
  })
})

describe('a call whose signal had aborted', () => {
  it('gives a result that says so, and starts nothing', async () => {
    const { agent, sandbox } = await leased()
    const signal = AbortSignal.abort()
    const handle = sandbox.exec('x', { signal, onStdout: () => {} })
    const aborted = { exitCode: null, signal: null, killedBy: 'abort' }
    expect(await handle).toMatchObject({ ...aborted, stdout: '' })
    const { events, over } = eventsOf(sandbox.exec('x', { signal }))
    await over
    expect(events).toEqual([expect.objectContaining({ type: 'exit', ...aborted })])
    handle.kill()
    expect(await handle.stdin.close()).toBeUndefined()
    expect(agent.heard).toEqual([])
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('cancels the stream that it would have read', async () => {
    const { sandbox } = await leased()
    const cancel = vi.fn<() => void>()
    const stdin = new ReadableStream<Uint8Array>({ cancel })
    await sandbox.exec('x', { stdin, signal: AbortSignal.abort() })
    await flow()
    expect(cancel).toHaveBeenCalledOnce()
  })
})

describe('an abort', () => {
  it.each(['await', 'loop'])('ends the program, %s', async (how) => {
    const { agent, sandbox } = await leased()
    const abort = new AbortController()
    const handle = sandbox.exec('x', { signal: abort.signal })
    const over = how === 'loop' ? eventsOf(handle).over : awaited(handle)
    await flow()
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
    abort.abort()
    await flow()
    expect(agent.heardOf(Kind.signal)).toHaveLength(1)
    agent.done(1, { signal: 'SIGKILL' })
    await over
    expect(await handle).toMatchObject({ killedBy: 'abort' })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })
})
