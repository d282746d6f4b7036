import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { FileRequest } from '../fakes/fake-agent.js'
import {
  answerRequests,
  entryLine,
  flushStreams,
  leaseSandbox,
  nextTurn,
} from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

useFakeTime()

const entry = (path: string, about: object = {}) => ({
  name: path.split('/').at(-1),
  path,
  type: 'file',
  size: 1,
  mtimeMs: 1.5,
  mode: 0o644,
  ...about,
})

const Name = fc.stringMatching(/^[a-zé€𐍈 .-]{1,6}$/u).map((name) => `${name}x`)

describe('listFiles()', () => {
  it('returns entries with names, sorted by path', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const about = { type: 'directory', size: 4096, mtimeMs: -0.25, mode: 0o755 }
    answerRequests(
      agent,
      () => entryLine('b') + entryLine('a/c', { more: 1 }) + entryLine('a', about),
    )
    expect(await sandbox.listFiles('p', { recursive: true })).toEqual([
      entry('a', about),
      entry('a/c'),
      entry('b'),
    ])
    expect(agent.requests).toEqual([{ op: 'list', path: 'p', recursive: true }])
    expect(agent.signals).toEqual([])
  })

  it('lists the workspace by default', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, () => '')
    expect(await sandbox.listFiles()).toEqual([])
    expect(agent.requests).toEqual([{ op: 'list', path: '.', recursive: false }])
  })

  it('reads a listing wherever it is split, even without the last end of line', async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 40 }))
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(Name, { maxLength: 6 }),
        sizes,
        fc.boolean(),
        async (names, size, hasEnd) => {
          const { agent, sandbox } = await leaseSandbox()
          const text = names.map((name) => entryLine(name)).join('')
          const whole = Buffer.from(hasEnd ? text : text.trimEnd())
          const listing = sandbox.listFiles()
          for (let at = 0; at < whole.length;) {
            const end = at + (size.next().value ?? 1)
            agent.data(1, Stream.stdout, whole.subarray(at, end))
            if (at % 3 === 0) await flushStreams()
            at = end
          }
          agent.done(1, {})
          expect((await listing).map(({ path }) => path)).toEqual(names.toSorted())
        },
      ),
      cases(50),
    )
  })

  it('keeps the bytes of a name that are not UTF-8', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, () => entryLine('a\udc80\udcff'))
    expect(await sandbox.listFiles()).toEqual([entry('a\udc80\udcff')])
  })

  it.each([
    ['a line without JSON', 'what?\n'],
    ['a line without an entry', '{"path":"a"}\n'],
    ['an empty line', '\n'],
    ['an unknown type', entryLine('a', { type: 'socket' })],
    ['a size that is not a number', entryLine('a', { size: 'big' })],
    ['garbage after the last line', `${entryLine('a')}{`],
    ['a line without end', 'x'.repeat(64_000)],
  ])('rejects a listing with %s as a failure of the agent', async (name, text) => {
    const { agent, sandbox } = await leaseSandbox()
    const listing = sandbox.listFiles()
    listing.catch(() => {})
    for (let times = name === 'a line without end' ? 3 : 1; times > 0; times--) {
      agent.data(1, Stream.stdout, text)
    }
    await flushStreams()
    if (name.startsWith('garbage')) agent.done(1, {})
    else {
      expect(agent.signals).toEqual(['SIGTERM'])
      agent.fail(1, 'ECANCELED')
    }
    expect(await outcomeOf(listing)).toMatchObject({ code: 'SANDBOX_AGENT_FAILED' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('rejects an endless listing with EFBIG', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const listing = sandbox.listFiles('p')
    listing.catch(() => {})
    const line = Buffer.from(entryLine('x'.repeat(65_000)))
    for (let sent = 0; sent < 1033; sent++) {
      agent.data(1, Stream.stdout, line)
      await flushStreams()
    }
    expect(agent.signals).toEqual(['SIGTERM'])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(listing)).toMatchObject({ errno: 'EFBIG', path: 'p' })
  })
})

describe('stat()', () => {
  it('returns the entry of a path', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, ({ path }) => entryLine(path, { type: 'other' }))
    expect(await sandbox.stat('a/b')).toEqual(entry('a/b', { type: 'other' }))
  })

  it('rejects an empty answer as a failure of the agent', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, () => '')
    await expect(sandbox.stat('a')).rejects.toMatchObject({ code: 'SANDBOX_AGENT_FAILED' })
  })

  it('resolves with the first entry, and stops the request', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const asking = sandbox.stat('a')
    agent.data(1, Stream.stdout, entryLine('a') + entryLine('b'))
    expect(await asking).toMatchObject({ path: 'a' })
    await flushStreams()
    agent.fail(1, 'ECANCELED')
    await flushStreams()
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })
})

it('rejects a listing that was stopped although its request has completed', async () => {
  const { agent, sandbox, lease } = await leaseSandbox()
  const listing = sandbox.listFiles('p', { timeoutMs: 100 })
  const asking = sandbox.exists('p')
  for (const call of [listing, asking]) call.catch(() => {})
  await flushStreams()
  advanceTime(100)
  lease.end('released')
  // The agent had already sent the answers.
  for (const id of [1, 2]) {
    agent.data(id, Stream.stdout, entryLine('a'))
    agent.done(id, {})
  }
  expect(await outcomeOf(listing)).toMatchObject({ errno: 'ETIMEDOUT' })
  expect(await outcomeOf(asking)).toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
})

describe('moveFile()', () => {
  /** Moves a file. The agent refuses `move` with this errno, and gives other requests `answers`. */
  async function moveFile(
    errno: string,
    answers: (request: FileRequest) => string | { errno: string },
  ) {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, (request) => (request.op === 'move' ? { errno } : answers(request)))
    const moving = sandbox.moveFile('from', 'to').catch((error: unknown) => error)
    for (let round = 0; round < 10; round++) await flushStreams()
    return { agent, moving }
  }

  it('copies the file with its mode and then deletes it if the file systems differ', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, ({ op, path }) => {
      if (op === 'move') return { errno: 'EXDEV' }
      if (op === 'list') return entryLine('from')
      if (op === 'stat') return entryLine(path, { mode: 0o750 })
      return op === 'read' ? 'content' : ''
    })
    const { onFrame } = agent
    let writeId: number | undefined
    agent.onFrame = (frame) => {
      const isWrite =
        frame.kind === Kind.request && JSON.parse(frame.payload.toString()).op === 'write'
      if (isWrite) writeId = frame.id
      else if (frame.kind === Kind.eof) agent.done(frame.id, {})
      else onFrame(frame)
    }
    await sandbox.moveFile('from', 'to')
    expect(agent.input).toBe('content')
    expect(agent.receivedOf(Kind.eof).map(({ id }) => id)).toEqual([writeId])
    expect(agent.requests).toEqual([
      { op: 'move', path: 'from', to: 'to' },
      { op: 'list', path: '.' },
      { op: 'stat', path: 'from' },
      { op: 'read', path: 'from' },
      { op: 'write', path: 'to', mode: 0o750, atomic: true },
      { op: 'delete', path: 'from' },
    ])
  })

  it.each<[string, string, (request: FileRequest) => string | { errno: string }, object, number]>([
    ['does not copy after another errno', 'EACCES', () => '', { errno: 'EACCES', path: 'from' }, 1],
    [
      'refuses to copy a folder',
      'EXDEV',
      () => entryLine('from', { type: 'directory' }),
      { errno: 'EXDEV', path: 'from' },
      2,
    ],
    [
      'refuses to copy a link',
      'EXDEV',
      () => entryLine('from', { type: 'symlink' }),
      { errno: 'EXDEV', path: 'from' },
      2,
    ],
    [
      'does not delete the file if the copy cannot be written',
      'EXDEV',
      ({ op, path }) => {
        if (op === 'write') return { errno: 'ENOSPC' }
        if (op === 'list') return entryLine('from')
        return op === 'stat' ? entryLine(path) : 'content'
      },
      { errno: 'ENOSPC', path: 'to' },
      5,
    ],
    [
      'does not write the copy if the file cannot be read',
      'EXDEV',
      ({ op, path }) => {
        if (op === 'read') return { errno: 'EACCES' }
        return entryLine(op === 'list' ? 'from' : path)
      },
      { errno: 'EACCES', path: 'from' },
      4,
    ],
  ])('%s', async (_, errno, answers, expected, requests) => {
    const { agent, moving } = await moveFile(errno, answers)
    await nextTurn()
    expect(await outcomeOf(moving)).toMatchObject(expected)
    expect(agent.requests).toHaveLength(requests)
  })
})
