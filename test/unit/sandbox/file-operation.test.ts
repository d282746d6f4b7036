import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { FileCallOptions, Sandbox } from '../../../src/index.js'
import { SandboxFileError } from '../../../src/index.js'
import { flow, leased, unhandledIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PINGER = 1

type Call = (sandbox: Sandbox, options: FileCallOptions) => Promise<unknown>

const CALLS: [string, Call, object][] = [
  ['readFile', (it, options) => it.readFile('p', options), { op: 'read', path: 'p' }],
  [
    'readFile as a stream',
    (it, options) => it.readFile('p', { ...options, format: 'stream' }),
    { op: 'read', path: 'p' },
  ],
  ['writeFile', (it, options) => it.writeFile('p', 'x', options), { op: 'write', path: 'p' }],
  [
    'writeFiles',
    (it, options) => it.writeFiles([{ path: 'p', content: '' }], options),
    { op: 'write', path: 'p' },
  ],
  [
    'listFiles',
    (it, options) => it.listFiles('p', options),
    { op: 'list', path: 'p', recursive: false },
  ],
  ['stat', (it, options) => it.stat('p', options), { op: 'stat', path: 'p' }],
  ['exists', (it, options) => it.exists('p', options), { op: 'stat', path: 'p' }],
  ['mkdir', (it, options) => it.mkdir('p', options), { op: 'mkdir', path: 'p' }],
  ['moveFile', (it, options) => it.moveFile('p', 'q', options), { op: 'move', path: 'p', to: 'q' }],
  ['deleteFile', (it, options) => it.deleteFile('p', options), { op: 'delete', path: 'p' }],
  [
    'collect',
    (it, options) => it.collect({ folder: 'p', ...options }),
    { op: 'list', path: 'p', recursive: true },
  ],
]

describe.each(CALLS)('%s', (_, call, request) => {
  it('asks for it, and rejects with the errno and the path', async () => {
    const { agent, sandbox } = await leased()
    const { signal } = new AbortController()
    const calling = call(sandbox, { signal, timeoutMs: 100 })
    await flow()
    expect(agent.requests).toEqual([request])
    agent.fail(1, 'EACCES', 'permission denied')
    const error = await outcomeOf(calling)
    expect(error).toBeInstanceOf(SandboxFileError)
    expect(error).toMatchObject({
      code: 'SANDBOX_FILE_FAILED',
      errno: 'EACCES',
      path: 'p',
      message: 'EACCES: permission denied: "p"',
    })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(vi.getTimerCount()).toBe(PINGER)
  })

  it('rejects when the container goes', async () => {
    const { agent, sandbox } = await leased()
    const calling = call(sandbox, {})
    await flow()
    agent.exit()
    expect(await outcomeOf(calling)).toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })

  it('is an ETIMEDOUT past its timeoutMs', async () => {
    const { agent, sandbox } = await leased()
    const calling = call(sandbox, { timeoutMs: 100 })
    vi.advanceTimersByTime(99)
    await flow()
    expect(agent.signals).toEqual([])
    elapse(1)
    await flow()
    expect(agent.signals).toEqual(['SIGTERM'])
    expect(await outcomeOf(calling)).toBe('pending')
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ETIMEDOUT', path: 'p' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
    expect(vi.getTimerCount()).toBe(PINGER)
  })

  it('is an ECANCELED when its signal aborts, an ETIMEDOUT when that is a deadline', async () => {
    for (const [errno, reason] of [
      ['ECANCELED', new Error('enough')],
      ['ETIMEDOUT', new DOMException('late', 'TimeoutError')],
    ] as const) {
      const { agent, sandbox } = await leased()
      const abort = new AbortController()
      const calling = call(sandbox, { signal: abort.signal })
      await flow()
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      abort.abort(reason)
      await flow()
      agent.fail(1, 'ECANCELED')
      expect(await outcomeOf(calling)).toMatchObject({ errno, path: 'p', cause: reason })
      expect(agent.signals).toEqual(['SIGTERM'])
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    }
  })

  it('does nothing at all where its signal had aborted', async () => {
    const { agent, sandbox } = await leased()
    const signal = AbortSignal.abort()
    const calling = call(sandbox, { signal })
    await flow()
    expect(agent.requests).toEqual([])
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ECANCELED' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('that cannot be stopped costs the container, and says why', async () => {
    const { agent, sandbox } = await leased()
    const calling = call(sandbox, { timeoutMs: 100 })
    calling.catch(() => {})
    vi.advanceTimersByTime(499)
    await flow()
    expect(agent.kills).toBe(0)
    elapse(2)
    await flow()
    expect(agent.kills).toBe(1)
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ETIMEDOUT' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that cannot be stopped by an engine that is gone is no unhandled rejection', async () => {
    const { agent, sandbox } = await leased()
    agent.cannotKill = true
    const unhandled = await unhandledIn(async () => {
      const calling = call(sandbox, { timeoutMs: 1 })
      calling.catch(() => {})
      elapse(1001)
      await flow()
      expect(agent.kills).toBe(1)
    })
    expect(unhandled).toEqual([])
  })
})

describe('a call that was over before it was stopped', () => {
  it('has done its work', async () => {
    const { agent, sandbox } = await leased()
    const abort = new AbortController()
    const making = sandbox.mkdir('p', { signal: abort.signal, timeoutMs: 100 })
    await flow()
    abort.abort()
    agent.done(1, {})
    expect(await outcomeOf(making)).toBeUndefined()
    expect(vi.getTimerCount()).toBe(PINGER)
  })
})

describe('timeoutMs of a call that asks more than once', () => {
  it('is for all of it', async () => {
    const { agent, sandbox } = await leased()
    const moving = sandbox.moveFile('p', 'q', { timeoutMs: 100 })
    moving.catch(() => {})
    vi.advanceTimersByTime(60)
    agent.fail(1, 'EXDEV')
    await flow()
    vi.advanceTimersByTime(60)
    await flow()
    expect(agent.signals).toEqual(['SIGTERM'])
    expect(agent.requests).toHaveLength(2)
  })
})

describe('exists()', () => {
  it.each([
    ['ENOENT', false],
    ['ENOTDIR', false],
    ['EACCES', { errno: 'EACCES' }],
    ['ELOOP', { errno: 'ELOOP' }],
  ])('of %s', async (errno, expected) => {
    const { agent, sandbox } = await leased()
    const asking = sandbox.exists('p')
    agent.fail(1, errno)
    const answer = await outcomeOf(asking)
    if (typeof expected === 'boolean') expect(answer).toBe(expected)
    else expect(answer).toMatchObject(expected)
  })

  it('is true of what is there', async () => {
    const { agent, sandbox } = await leased()
    const asking = sandbox.exists('p')
    const entry = { path: 'p', type: 'file', size: 1, mtimeMs: 1.5, mode: 0o644 }
    agent.data(1, Stream.stdout, `${JSON.stringify(entry)}\n`)
    agent.done(1, {})
    expect(await asking).toBe(true)
  })
})

describe('writeFiles()', () => {
  it('writes one after the other, and ends at the first that fails', async () => {
    const { agent, sandbox } = await leased()
    const files = ['a', 'b', 'c'].map((path) => ({ path, content: path }))
    const writing = sandbox.writeFiles(files, { atomic: true, mode: 0o600 })
    await flow()
    expect(agent.requests).toEqual([{ op: 'write', path: 'a', atomic: true, mode: 0o600 }])
    agent.done(1, {})
    await flow()
    agent.fail(2, 'ENOSPC')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ENOSPC', path: 'b' })
    expect(agent.requests).toHaveLength(2)
    expect(agent.heardOf(Kind.data).map(({ payload }) => payload.toString('latin1', 1))).toEqual([
      'a',
      'b',
    ])
  })
})
