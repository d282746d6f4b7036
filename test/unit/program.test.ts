import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../src/agent/protocol.js'
import type { Channel } from '../../src/agent/channel.js'
import type { LeaseEnd } from '../../src/lease.js'
import { Lease } from '../../src/lease.js'
import type { KilledBy, ProgramOptions } from '../../src/program.js'
import { runProgram } from '../../src/program.js'
import { flow, openChannel } from './fake-agent.js'
import { outcomeOf } from './fake-pool.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const REQUEST = { op: 'exec', argv: ['true'], cwd: undefined, env: undefined } as const
const SIGKILL = 9

/** A program under way. */
async function run(options: ProgramOptions = {}) {
  const { agent, channel } = await openChannel()
  const lease = new Lease<Channel>(channel, () => {
    void channel.remove().catch(() => {})
    return 'recreated'
  })
  const result = runProgram(lease, REQUEST, options)
  await flow()
  const signals = () => agent.heardOf(Kind.signal).map(({ payload }) => payload[0])
  return { agent, channel, lease, result, signals }
}

describe('a program that ends by itself', () => {
  it('gives its exit code, its output and what it used', async () => {
    const { agent, result } = await run()
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    agent.done(1, { exitCode: 3, usage: { cpuMs: 7, maxRssBytes: null } })
    expect(await result).toEqual({
      exitCode: 3,
      signal: null,
      stdout: 'out',
      stderr: 'err',
      durationMs: expect.any(Number),
      usage: { cpuMs: 7, maxRssBytes: undefined },
      truncated: false,
    })
  })

  it('leaves no timer and no listener', async () => {
    const { signal } = new AbortController()
    const { agent, channel, result } = await run({ signal, timeoutMs: 100 })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    agent.done(1)
    await result
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await channel.remove()
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    [{ signal: 'SIGSEGV' }, { exitCode: null, signal: 'SIGSEGV' }],
    [
      { exitCode: 1, cause: 'oom' },
      { exitCode: 1, killedBy: 'oom' },
    ],
    [{ exitCode: 1, cause: 'pids' }, { killedBy: 'pids' }],
    [{ exitCode: 1, cause: 'disk' }, { killedBy: 'disk' }],
    [{ error: { code: 'EAGAIN', message: 'no' } }, { exitCode: null, killedBy: 'crash' }],
  ])('with %j', async (done, expected) => {
    const { agent, result } = await run()
    agent.done(1, done)
    expect(await result).toMatchObject(expected)
  })

  it('reads its stdin, which then ends', async () => {
    const { agent } = await run({ stdin: 'héllo' })
    const [data] = agent.heardOf(Kind.data)
    expect(data?.payload.subarray(1).toString()).toBe('héllo')
    expect(agent.heardOf(Kind.eof)).toHaveLength(1)
  })

  it('without stdin gets its end at once', async () => {
    const { agent } = await run()
    expect(agent.heard.map(({ kind }) => kind)).toEqual([Kind.request, Kind.eof])
  })
})

describe('a timeout', () => {
  it('kills the program and keeps what it wrote', async () => {
    const { agent, result, signals } = await run({ timeoutMs: 100 })
    agent.data(1, Stream.stdout, 'so far')
    await flow()
    vi.advanceTimersByTime(99)
    await flow()
    expect(signals()).toEqual([])
    vi.advanceTimersByTime(1)
    await flow()
    expect(signals()).toEqual([SIGKILL])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({
      killedBy: 'timeout',
      signal: 'SIGKILL',
      exitCode: null,
      stdout: 'so far',
    })
    expect(agent.removals).toBe(0)
  })

  it('removes the container where the kill is not confirmed in time', async () => {
    const { agent, result } = await run({ timeoutMs: 100 })
    vi.advanceTimersByTime(1099)
    await flow()
    expect(agent.removals).toBe(0)
    expect(await outcomeOf(result)).toBe('pending')
    vi.advanceTimersByTime(1)
    expect(await result).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', usage: undefined })
    expect(agent.removals).toBe(1)
  })

  it('is thirty seconds unless told otherwise', async () => {
    const { agent, signals } = await run()
    vi.advanceTimersByTime(29_999)
    await flow()
    expect(signals()).toEqual([])
    vi.advanceTimersByTime(1)
    await flow()
    expect(signals()).toEqual([SIGKILL])
    agent.done(1)
  })
})

describe('an abort', () => {
  it('before the start sends nothing to the agent', async () => {
    const { agent, result } = await run({ signal: AbortSignal.abort() })
    expect(await result).toMatchObject({ killedBy: 'abort', exitCode: null, stdout: '' })
    expect(agent.heard).toEqual([])
  })

  it('kills the program; a later timeout does not change why', async () => {
    const abort = new AbortController()
    const { agent, result, signals } = await run({ signal: abort.signal, timeoutMs: 100 })
    abort.abort()
    vi.advanceTimersByTime(100)
    await flow()
    expect(signals()).toEqual([SIGKILL])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({ killedBy: 'abort' })
  })
})

describe('the output limit', () => {
  it('lets through what just fits', async () => {
    const { agent, result, signals } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '1234')
    agent.data(1, Stream.stderr, '5678')
    agent.done(1)
    expect(await result).toMatchObject({ stdout: '1234', stderr: '5678', truncated: false })
    expect(await result).not.toHaveProperty('killedBy')
    expect(signals()).toEqual([])
  })

  it('kills past it, and keeps beginning and end', async () => {
    const { agent, result, signals } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, 'abcdefgh')
    agent.data(1, Stream.stdout, 'ijkl')
    agent.data(1, Stream.stdout, 'm')
    await flow()
    expect(signals()).toEqual([SIGKILL])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({
      killedBy: 'output',
      truncated: true,
      stdout: 'abcdef\n[5 bytes left out]\nlm',
    })
  })

  it('counts both streams together', async () => {
    const { agent, result, signals } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '12345')
    agent.data(1, Stream.stderr, '6789')
    await flow()
    expect(signals()).toEqual([SIGKILL])
    agent.done(1)
    expect(await result).toMatchObject({ killedBy: 'output' })
  })

  it('still pays for what it leaves out, so that the kill is confirmed', async () => {
    const { agent, result } = await run({ maxOutputBytes: 8 })
    for (let sent = 0; sent < 10; sent++) {
      agent.data(1, Stream.stdout, Buffer.alloc(65_536))
      await flow()
    }
    agent.done(1)
    expect(await result).toMatchObject({ killedBy: 'output', exitCode: 0 })
  })
})

describe('a container that goes', () => {
  it.each<[LeaseEnd, KilledBy]>([
    ['released', 'abort'],
    ['aborted', 'abort'],
    ['failed', 'abort'],
    ['ttl', 'timeout'],
    ['crash', 'crash'],
    ['closed', 'shutdown'],
  ])('because its lease is %s says %s', async (end, killedBy) => {
    const { agent, lease, result } = await run()
    agent.data(1, Stream.stdout, 'so far')
    await flow()
    lease.end(end)
    expect(await result).toMatchObject({ killedBy, signal: 'SIGKILL', stdout: 'so far' })
  })

  it('for want of memory says oom, whatever became of the lease', async () => {
    const { agent, lease, result } = await run()
    agent.exit({ oom: true })
    lease.end('crash')
    expect(await result).toMatchObject({ killedBy: 'oom' })
  })

  it('by itself says crash', async () => {
    const { agent, result } = await run()
    agent.exit()
    expect(await result).toMatchObject({ killedBy: 'crash', exitCode: null })
  })

  it('before the call says the same, and throws nothing', async () => {
    const { agent, lease } = await run()
    agent.exit()
    await flow()
    expect(await runProgram(lease, REQUEST, {})).toMatchObject({ killedBy: 'crash' })
  })

  it('and cannot be removed is no unhandled rejection', async () => {
    const { agent, result } = await run({ timeoutMs: 10 })
    agent.cannotRemove = true
    vi.advanceTimersByTime(1010)
    await flow()
    expect(agent.removals).toBe(1)
    agent.exit()
    expect(await result).toMatchObject({ killedBy: 'timeout' })
  })
})
