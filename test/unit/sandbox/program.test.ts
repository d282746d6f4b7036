import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ProgramLimits } from '../../../src/sandbox/program/limits.js'
import { Program } from '../../../src/sandbox/program/program.js'
import type { KilledBy } from '../../../src/sandbox/program/result.js'
import type { LeaseEnd } from '../../../src/pool/lease.js'
import { flow, leased } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const REQUEST = { op: 'exec', argv: ['true'], cwd: undefined, env: undefined } as const
const MAX_BYTES = 1024 * 1024

/** A program under way whose output counts by what is kept of it. */
async function run(limits: ProgramLimits = {}) {
  const world = await leased()
  world.lease.touch()
  const program = new Program(world.lease, REQUEST, limits)
  program.output.drop(MAX_BYTES)
  await flow()
  const kept = () => ({
    stdout: program.output.kept.stdout.toString(),
    stderr: program.output.kept.stderr.toString(),
  })
  return { ...world, program, ended: program.ended, kept }
}

describe('a program that ends by itself', () => {
  it('gives its exit code, its output and what it used', async () => {
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
  ])('with %j', async (done, expected) => {
    const { agent, ended } = await run()
    agent.done(1, done)
    expect(await ended).toMatchObject(expected)
  })

  it('says when it runs, and nothing where it never did', async () => {
    const running = await run()
    running.agent.started(1, { pid: 7 })
    expect(await running.program.started).toEqual({ pid: 7 })
    const ended = await run()
    ended.agent.done(1)
    expect(await ended.program.started).toBeUndefined()
    const aborted = await run({ signal: AbortSignal.abort() })
    expect(await aborted.program.started).toBeUndefined()
  })

  it('keeps what it is told to', async () => {
    const { agent, ended, kept } = await run({ keepBytes: 4 })
    agent.data(1, Stream.stdout, 'abcdefgh')
    agent.done(1)
    expect(await ended).toMatchObject({ truncated: true })
    expect(kept().stdout).toBe('abc\n[4 bytes left out]\nh')
  })
})

describe('a timeout', () => {
  it('kills the program and keeps what it wrote', async () => {
    const { agent, ended, kept } = await run({ timeoutMs: 100 })
    agent.data(1, Stream.stdout, 'so far')
    await flow()
    vi.advanceTimersByTime(99)
    await flow()
    expect(agent.signals).toEqual([])
    elapse(1)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', exitCode: null })
    expect(kept().stdout).toBe('so far')
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('removes the container where the kill is not confirmed in time', async () => {
    const { agent, ended } = await run({ timeoutMs: 100 })
    vi.advanceTimersByTime(500)
    await flow()
    expect(agent.kills).toBe(0)
    expect(await outcomeOf(ended)).toBe('pending')
    elapse(1)
    expect(await ended).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', usage: undefined })
    expect(agent.kills).toBe(1)
  })

  it.each(['the engine hangs', 'the engine is gone'])('is answered though %s', async (how) => {
    const { agent, ended, kept } = await run({ timeoutMs: 100 })
    agent.isFrozen = how === 'the engine hangs'
    agent.cannotKill = !agent.isFrozen
    agent.data(1, Stream.stdout, 'so far')
    await flow()
    elapse(1000)
    expect(await outcomeOf(ended)).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL' })
    expect(kept().stdout).toBe('so far')
  })

  it('that comes after it ended by itself does not change why', async () => {
    const { agent, ended } = await run({ timeoutMs: 100 })
    elapse(100)
    agent.done(1, { exitCode: 0 })
    expect(await ended).not.toHaveProperty('killedBy')
  })
})

describe('an abort', () => {
  it('before the start sends nothing to the agent', async () => {
    const { agent, ended, program } = await run({ signal: AbortSignal.abort(), timeoutMs: 100 })
    expect(await ended).toMatchObject({ killedBy: 'abort', exitCode: null, signal: null })
    expect(program.isOver).toBe(true)
    program.signal('SIGTERM')
    program.end('timeout')
    await flow()
    expect(agent.heard).toEqual([])
    expect(vi.getTimerCount()).toBe(1) // the pinger
  })

  it('kills the program; a later timeout does not change why', async () => {
    const abort = new AbortController()
    const { agent, ended } = await run({ signal: abort.signal, timeoutMs: 100 })
    abort.abort()
    vi.advanceTimersByTime(100)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'abort' })
  })
})

describe('the output limit', () => {
  it('lets through what just fits', async () => {
    const { agent, ended, kept } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '1234')
    agent.data(1, Stream.stderr, '5678')
    agent.done(1)
    expect(await ended).toMatchObject({ truncated: false })
    expect(await ended).not.toHaveProperty('killedBy')
    expect(kept()).toEqual({ stdout: '1234', stderr: '5678' })
    expect(agent.signals).toEqual([])
  })

  it('kills past it, and keeps beginning and end', async () => {
    const { agent, ended, kept } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, 'abcdefgh')
    agent.data(1, Stream.stdout, 'ijkl')
    agent.data(1, Stream.stdout, 'm')
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await ended).toMatchObject({ killedBy: 'output', truncated: true })
    expect(kept().stdout).toBe('abcdef\n[5 bytes left out]\nlm')
  })

  it('counts both streams together', async () => {
    const { agent, ended } = await run({ maxOutputBytes: 8 })
    agent.data(1, Stream.stdout, '12345')
    agent.data(1, Stream.stderr, '6789')
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1)
    expect(await ended).toMatchObject({ killedBy: 'output', exitCode: 0 })
  })
})

describe('a signal', () => {
  it.each([
    ['that ended it is an abort', { signal: 'SIGINT' }, { killedBy: 'abort', signal: 'SIGINT' }],
    ['that it survived is not', { exitCode: 0 }, { exitCode: 0, signal: null }],
    ['is not where another ended it', { signal: 'SIGSEGV' }, { signal: 'SIGSEGV' }],
    ['is not where the kernel did', { signal: 'SIGKILL', cause: 'oom' }, { killedBy: 'oom' }],
  ])('%s', async (_, done, expected) => {
    const { agent, ended, program } = await run()
    program.signal('SIGINT')
    await flow()
    expect(agent.signals).toEqual(['SIGINT'])
    agent.done(1, done)
    const end = await ended
    expect(end).toMatchObject(expected)
    expect('killedBy' in end).toBe('killedBy' in expected)
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
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
    const { agent, lease, ended, kept } = await run()
    agent.data(1, Stream.stdout, 'so far')
    await flow()
    lease.end(end)
    expect(await ended).toMatchObject({ killedBy, signal: 'SIGKILL' })
    expect(kept().stdout).toBe('so far')
  })

  it('for want of memory says oom, where the lease was not over before', async () => {
    const { agent, lease, ended } = await run()
    agent.exit({ oom: true })
    lease.end('crash')
    expect(await ended).toMatchObject({ killedBy: 'oom' })
    // A container that has seen an oom says so for ever.
    const later = await run()
    later.lease.end('released')
    later.agent.exit({ oom: true })
    expect(await later.ended).toMatchObject({ killedBy: 'abort' })
  })

  it('by itself says crash', async () => {
    const { agent, ended } = await run()
    agent.exit()
    expect(await ended).toMatchObject({ killedBy: 'crash', exitCode: null })
  })

  it('before the call says the same, and throws nothing', async () => {
    const { agent, lease } = await run()
    agent.exit()
    await flow()
    expect(await new Program(lease, REQUEST, {}).ended).toMatchObject({ killedBy: 'crash' })
  })

  it('and cannot be removed is no unhandled rejection', async () => {
    const { agent, ended } = await run({ timeoutMs: 10 })
    agent.cannotKill = true
    vi.advanceTimersByTime(1010)
    await flow()
    expect(agent.kills).toBe(1)
    agent.exit()
    expect(await ended).toMatchObject({ killedBy: 'timeout' })
    expect(agent.heardOf(Kind.signal)).toHaveLength(1)
  })
})
