import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { LATE_MS } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { FileCallOptions, Sandbox } from '../../../src/index.js'
import { SandboxFileError } from '../../../src/index.js'
import { flushStreams, leaseSandbox, unhandledRejectionsIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PING_TIMERS = 1

type Call = (sandbox: Sandbox, options: FileCallOptions) => Promise<unknown>

const CALLS: [string, Call, object][] = [
  ['readFile', (sandbox, options) => sandbox.readFile('p', options), { op: 'read', path: 'p' }],
  [
    'readFile as a stream',
    (sandbox, options) => sandbox.readFile('p', { ...options, format: 'stream' }),
    { op: 'read', path: 'p' },
  ],
  [
    'writeFile',
    (sandbox, options) => sandbox.writeFile('p', 'x', options),
    { op: 'write', path: 'p' },
  ],
  [
    'writeFiles',
    (sandbox, options) => sandbox.writeFiles([{ path: 'p', content: '' }], options),
    { op: 'write', path: 'p' },
  ],
  [
    'listFiles',
    (sandbox, options) => sandbox.listFiles('p', options),
    { op: 'list', path: 'p', recursive: false },
  ],
  ['stat', (sandbox, options) => sandbox.stat('p', options), { op: 'stat', path: 'p' }],
  ['exists', (sandbox, options) => sandbox.exists('p', options), { op: 'stat', path: 'p' }],
  ['mkdir', (sandbox, options) => sandbox.mkdir('p', options), { op: 'mkdir', path: 'p' }],
  [
    'moveFile',
    (sandbox, options) => sandbox.moveFile('p', 'q', options),
    { op: 'move', path: 'p', to: 'q' },
  ],
  [
    'deleteFile',
    (sandbox, options) => sandbox.deleteFile('p', options),
    { op: 'delete', path: 'p' },
  ],
  [
    'collect',
    (sandbox, options) => sandbox.collect({ folder: 'p', ...options }),
    { op: 'list', path: 'p', recursive: true },
  ],
]

describe.each(CALLS)('%s', (_, call, request) => {
  it('sends its request, and rejects with the errno and the path', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const { signal } = new AbortController()
    const calling = call(sandbox, { signal, timeoutMs: 100 })
    await flushStreams()
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
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })

  it('rejects if the container exits', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const calling = call(sandbox, {})
    await flushStreams()
    agent.exit()
    expect(await outcomeOf(calling)).toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })

  it('rejects with ETIMEDOUT after its timeoutMs', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const calling = call(sandbox, { timeoutMs: 100 })
    vi.advanceTimersByTime(99)
    await flushStreams()
    expect(agent.signals).toEqual([])
    advanceTime(1)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGTERM'])
    expect(await outcomeOf(calling)).toBe('pending')
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ETIMEDOUT', path: 'p' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })

  it('rejects with ECANCELED if its signal aborts, and with ETIMEDOUT for a timeout signal', async () => {
    for (const [errno, reason] of [
      ['ECANCELED', new Error('enough')],
      ['ETIMEDOUT', new DOMException('late', 'TimeoutError')],
    ] as const) {
      const { agent, sandbox } = await leaseSandbox()
      const abort = new AbortController()
      const calling = call(sandbox, { signal: abort.signal })
      await flushStreams()
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
      abort.abort(reason)
      await flushStreams()
      agent.fail(1, 'ECANCELED')
      expect(await outcomeOf(calling)).toMatchObject({ errno, path: 'p', cause: reason })
      expect(agent.signals).toEqual(['SIGTERM'])
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    }
  })

  it('sends nothing if its signal had aborted before the call', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const signal = AbortSignal.abort()
    const calling = call(sandbox, { signal })
    await flushStreams()
    expect(agent.requests).toEqual([])
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ECANCELED' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('rejects if the agent does not stop the request, and kills the container later', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const calling = call(sandbox, { timeoutMs: 100 })
    calling.catch(() => {})
    vi.advanceTimersByTime(499)
    await flushStreams()
    expect(await outcomeOf(calling)).toBe('pending')
    advanceTime(2)
    expect(await outcomeOf(calling)).toMatchObject({ errno: 'ETIMEDOUT' })
    advanceTime(LATE_MS - 100)
    await flushStreams()
    expect(agent.kills).toBe(0)
    advanceTime(100)
    await flushStreams()
    expect(agent.kills).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('causes no unhandled rejection if the engine cannot kill the container', async () => {
    const { agent, sandbox } = await leaseSandbox()
    agent.cannotKill = true
    const unhandled = await unhandledRejectionsIn(async () => {
      const calling = call(sandbox, { timeoutMs: 1 })
      calling.catch(() => {})
      advanceTime(1001)
      advanceTime(LATE_MS)
      await flushStreams()
      expect(agent.kills).toBe(1)
    })
    expect(unhandled).toEqual([])
  })
})

describe('a file call that ends before the agent stops it', () => {
  it('resolves', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const abort = new AbortController()
    const making = sandbox.mkdir('p', { signal: abort.signal, timeoutMs: 100 })
    await flushStreams()
    abort.abort()
    agent.done(1, {})
    expect(await outcomeOf(making)).toBeUndefined()
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })
})

describe('the timeoutMs of a file call that sends several requests', () => {
  it('is the limit of all requests together', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const moving = sandbox.moveFile('p', 'q', { timeoutMs: 100 })
    moving.catch(() => {})
    vi.advanceTimersByTime(60)
    agent.fail(1, 'EXDEV')
    await flushStreams()
    vi.advanceTimersByTime(60)
    await flushStreams()
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
  ])('returns false or rejects for %s', async (errno, expected) => {
    const { agent, sandbox } = await leaseSandbox()
    const asking = sandbox.exists('p')
    agent.fail(1, errno)
    const answer = await outcomeOf(asking)
    if (typeof expected === 'boolean') expect(answer).toBe(expected)
    else expect(answer).toMatchObject(expected)
  })

  it('returns true for a file that exists', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const asking = sandbox.exists('p')
    const entry = { path: 'p', type: 'file', size: 1, mtimeMs: 1.5, mode: 0o644 }
    agent.data(1, Stream.stdout, `${JSON.stringify(entry)}\n`)
    agent.done(1, {})
    expect(await asking).toBe(true)
  })
})

describe('writeFiles()', () => {
  it('writes one file after the other, and stops at the first failure', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const files = ['a', 'b', 'c'].map((path) => ({ path, content: path }))
    const writing = sandbox.writeFiles(files, { atomic: true, mode: 0o600 })
    await flushStreams()
    expect(agent.requests).toEqual([{ op: 'write', path: 'a', atomic: true, mode: 0o600 }])
    agent.done(1, {})
    await flushStreams()
    agent.fail(2, 'ENOSPC')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ENOSPC', path: 'b' })
    expect(agent.requests).toHaveLength(2)
    expect(agent.receivedOf(Kind.data).map(({ payload }) => payload.toString('latin1', 1))).toEqual(
      ['a', 'b'],
    )
  })
})
