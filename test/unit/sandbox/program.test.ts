import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { LATE_MS } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ProgramLimits } from '../../../src/sandbox/program/limits.js'
import { Program } from '../../../src/sandbox/program/program.js'
import type { KilledBy } from '../../../src/sandbox/program/result.js'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const REQUEST = { op: 'exec', argv: ['true'], cwd: undefined, env: undefined } as const
const MAX_BYTES = 1024 * 1024

/** Starts a program whose output is dropped, except the beginning and the end that are kept. */
async function run(limits: ProgramLimits = {}) {
  const fixture = await leaseSandbox()
  fixture.lease.touch()
  const program = new Program(fixture.lease, REQUEST, limits)
  program.output.drop(MAX_BYTES)
  await flushStreams()
  const kept = () => ({
    stdout: program.output.kept.stdout.toString(),
    stderr: program.output.kept.stderr.toString(),
  })
  return { ...fixture, program, ended: program.ended, kept }
}

describe('a program that ends by itself', () => {
  it('has an exit code, output and usage', async () => {
    const { agent, ended, kept } = await run()
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    vi.advanceTimersByTime(12)
    agent.done(1, { exitCode: 3, usage: { cpuMs: 7, maxRssBytes: null } })
    expect(await ended).toEqual({
      exitCode: 3,
      signal: null,
      durationMs: 12,
      usage: { cpuMs: 7, maxRssBytes: undefined },
      truncated: false,
    })
    expect(kept()).toEqual({ stdout: 'out', stderr: 'err' })
  })

  it('leaves no timer and no listener', async () => {
    const { signal } = new AbortController()
    const { agent, channel, ended, program } = await run({ signal, timeoutMs: 100 })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    expect(program.isOver).toBe(false)
    agent.done(1)
    await ended
    expect(program.isOver).toBe(true)
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
  ])('has the end that the agent reports with %j', async (done, expected) => {
    const { agent, ended } = await run()
    agent.done(1, done)
    expect(await ended).toMatchObject(expected)
  })

  it('reports its start, and undefined if it never started', async () => {
    const running = await run()
    running.agent.started(1, { pid: 7 })
    expect(await running.program.started).toEqual({ pid: 7 })
    const ended = await run()
    ended.agent.done(1)
    expect(await ended.program.started).toBeUndefined()
    const aborted = await run({ signal: AbortSignal.abort() })
    expect(await aborted.program.started).toBeUndefined()
  })

  it('keeps at most keepBytes of its output', async () => {
    const { agent, ended, kept } = await run({ keepBytes: 4 })
    agent.data(1, Stream.stdout, 'abcdefgh')
    agent.done(1)
    expect(await ended).toMatchObject({ truncated: true })
    expect(kept().stdout).toBe('abc\n[4 bytes left out]\nh')
  })
})

describe('the time limit of a program', () => {
  it('kills the program and keeps its output', async () => {
    const { agent, ended, kept } = await run({ timeoutMs: 100 })
    agent.data(1, Stream.stdout, 'so far')
    await flushStreams()
    vi.advanceTimersByTime(99)
    await flushStreams()
    expect(agent.signals).toEqual([])
    advanceTime(1)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', exitCode: null })
    expect(kept().stdout).toBe('so far')
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('ends the call if the agent does not confirm the kill, and kills the container later', async () => {
    const { agent, ended } = await run({ timeoutMs: 100 })
    vi.advanceTimersByTime(500)
    await flushStreams()
    expect(await outcomeOf(ended)).toBe('pending')
    advanceTime(1)
    expect(await ended).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', usage: undefined })
    advanceTime(LATE_MS - 10)
    expect(agent.kills).toBe(0)
    advanceTime(10)
    expect(agent.kills).toBe(1)
  })

  it.each(['hangs', 'fails'])('ends the call although the engine %s', async (engine) => {
    const { agent, ended, kept } = await run({ timeoutMs: 100 })
    agent.isFrozen = engine === 'hangs'
    agent.cannotKill = !agent.isFrozen
    agent.data(1, Stream.stdout, 'so far')
    await flushStreams()
    advanceTime(1000)
    expect(await outcomeOf(ended)).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL' })
    advanceTime(LATE_MS)
    expect(kept().stdout).toBe('so far')
  })

  it('does not set killedBy if the program has ended in the same turn', async () => {
    const { agent, ended } = await run({ timeoutMs: 100 })
    advanceTime(100)
    agent.done(1, { exitCode: 0 })
    expect(await ended).not.toHaveProperty('killedBy')
  })
})

describe('the abort of a program', () => {
  it('sends nothing to the agent if it comes before the start', async () => {
    const { agent, ended, program } = await run({ signal: AbortSignal.abort(), timeoutMs: 100 })
    expect(await ended).toMatchObject({ killedBy: 'abort', exitCode: null, signal: null })
    expect(program.isOver).toBe(true)
    program.signal('SIGTERM')
    program.end('timeout')
    await flushStreams()
    expect(agent.received).toEqual([])
    expect(vi.getTimerCount()).toBe(1) // The timer of the pings.
  })

  it('kills the program, and a later timeout does not change killedBy', async () => {
    const abort = new AbortController()
    const { agent, ended } = await run({ signal: abort.signal, timeoutMs: 100 })
    abort.abort()
    vi.advanceTimersByTime(100)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'abort' })
  })
})

describe('the output limit of a program', () => {
  it('allows output of exactly its size', async () => {
    const { agent, ended, kept } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '1234')
    agent.data(1, Stream.stderr, '5678')
    agent.done(1)
    expect(await ended).toMatchObject({ truncated: false })
    expect(await ended).not.toHaveProperty('killedBy')
    expect(kept()).toEqual({ stdout: '1234', stderr: '5678' })
    expect(agent.signals).toEqual([])
  })

  it('kills the program above its size, and keeps the beginning and the end', async () => {
    const { agent, ended, kept } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, 'abcdefgh')
    agent.data(1, Stream.stdout, 'ijkl')
    agent.data(1, Stream.stdout, 'm')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'output', truncated: true })
    expect(kept().stdout).toBe('abcdef\n[5 bytes left out]\nlm')
  })

  it('counts both streams together', async () => {
    const { agent, ended } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '12345')
    agent.data(1, Stream.stderr, '6789')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1)
    expect(await ended).toMatchObject({ killedBy: 'output', exitCode: 0 })
  })
})

describe('a signal to a program', () => {
  it.each([
    [
      'counts as an abort if it ends the program',
      { signal: 'SIGINT' },
      { killedBy: 'abort', signal: 'SIGINT' },
    ],
    ['is no abort if the program exits by itself', { exitCode: 0 }, { exitCode: 0, signal: null }],
    [
      'is no abort if another signal ends the program',
      { signal: 'SIGSEGV' },
      { signal: 'SIGSEGV' },
    ],
    [
      'is no abort if the kernel kills the program',
      { signal: 'SIGKILL', cause: 'oom' },
      { killedBy: 'oom' },
    ],
  ])('%s', async (_, done, expected) => {
    const { agent, ended, program } = await run()
    program.signal('SIGINT')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT'])
    agent.done(1, done)
    const end = await ended
    expect(end).toMatchObject(expected)
    expect('killedBy' in end).toBe('killedBy' in expected)
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })
})

describe('the end of the container', () => {
  it.each<[LeaseEnd, KilledBy]>([
    ['released', 'abort'],
    ['aborted', 'abort'],
    ['failed', 'abort'],
    ['ttl', 'timeout'],
    ['crash', 'crash'],
    ['closed', 'shutdown'],
  ])('with the lease end "%s" sets killedBy to "%s"', async (end, killedBy) => {
    const { agent, lease, ended, kept } = await run()
    agent.data(1, Stream.stdout, 'so far')
    await flushStreams()
    lease.end(end)
    expect(await ended).toMatchObject({ killedBy, signal: 'SIGKILL' })
    expect(kept().stdout).toBe('so far')
  })

  it('sets killedBy to "oom" after an OOM, if the lease had not ended before', async () => {
    const { agent, lease, ended } = await run()
    agent.exit({ oom: true })
    lease.end('crash')
    expect(await ended).toMatchObject({ killedBy: 'oom' })
    // A container reports an OOM until its end, even if its program has survived it.
    const released = await run()
    released.lease.end('released')
    released.agent.exit({ oom: true })
    expect(await released.ended).toMatchObject({ killedBy: 'abort' })
  })

  it('sets killedBy to "crash" if the lease has not ended', async () => {
    const { agent, ended } = await run()
    agent.exit()
    expect(await ended).toMatchObject({ killedBy: 'crash', exitCode: null })
  })

  it('sets killedBy to "crash" for a program that starts after it', async () => {
    const { agent, lease } = await run()
    agent.exit()
    await flushStreams()
    expect(await new Program(lease, REQUEST, {}).ended).toMatchObject({ killedBy: 'crash' })
  })

  it('causes no unhandled rejection if the kill of the container fails', async () => {
    const { agent, ended } = await run({ timeoutMs: 10 })
    agent.cannotKill = true
    vi.advanceTimersByTime(1010)
    advanceTime(LATE_MS)
    await flushStreams()
    expect(agent.kills).toBe(1)
    agent.exit()
    expect(await ended).toMatchObject({ killedBy: 'timeout' })
    expect(agent.receivedOf(Kind.signal)).toHaveLength(1)
  })
})
