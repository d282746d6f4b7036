import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { Asked } from '../fakes/fake-agent.js'
import { answerWith, entryLine, flow, leased, turn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'
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
  it('is sorted by path, and has a name', async () => {
    const { agent, sandbox } = await leased()
    const about = { type: 'directory', size: 4096, mtimeMs: -0.25, mode: 0o755 }
    answerWith(agent, () => entryLine('b') + entryLine('a/c', { more: 1 }) + entryLine('a', about))
    expect(await sandbox.listFiles('p', { recursive: true })).toEqual([
      entry('a', about),
      entry('a/c'),
      entry('b'),
    ])
    expect(agent.requests).toEqual([{ op: 'list', path: 'p', recursive: true }])
    expect(agent.signals).toEqual([])
  })

  it('is of the workspace, unless told otherwise', async () => {
    const { agent, sandbox } = await leased()
    answerWith(agent, () => '')
    expect(await sandbox.listFiles()).toEqual([])
    expect(agent.requests).toEqual([{ op: 'list', path: '.', recursive: false }])
  })

  it('is the same however it is cut, also without its last end of line', async () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 40 }))
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(Name, { maxLength: 6 }),
        sizes,
        fc.boolean(),
        async (names, size, hasEnd) => {
          const { agent, sandbox } = await leased()
          const text = names.map((name) => entryLine(name)).join('')
          const whole = Buffer.from(hasEnd ? text : text.trimEnd())
          const listing = sandbox.listFiles()
          for (let at = 0; at < whole.length;) {
            const end = at + (size.next().value ?? 1)
            agent.data(1, Stream.stdout, whole.subarray(at, end))
            if (at % 3 === 0) await flow()
            at = end
          }
          agent.done(1, {})
          expect((await listing).map(({ path }) => path)).toEqual(names.toSorted())
        },
      ),
      cases(50),
    )
  })

  it('keeps the bytes of a name that are no text', async () => {
    const { agent, sandbox } = await leased()
    answerWith(agent, () => entryLine('a\udc80\udcff'))
    expect(await sandbox.listFiles()).toEqual([entry('a\udc80\udcff')])
  })

  it.each([
    ['no JSON', 'what?\n'],
    ['no entry', '{"path":"a"}\n'],
    ['an empty line', '\n'],
    ['a type there is none of', entryLine('a', { type: 'socket' })],
    ['a size in words', entryLine('a', { size: 'big' })],
    ['garbage after the last line', `${entryLine('a')}{`],
    ['a line without end', 'x'.repeat(64_000)],
  ])('that is %s is the agent’s failure, and is stopped', async (name, text) => {
    const { agent, sandbox } = await leased()
    const listing = sandbox.listFiles()
    listing.catch(() => {})
    for (let times = name === 'a line without end' ? 3 : 1; times > 0; times--) {
      agent.data(1, Stream.stdout, text)
    }
    await flow()
    if (name.startsWith('garbage')) agent.done(1, {})
    else {
      expect(agent.signals).toEqual(['SIGTERM'])
      agent.fail(1, 'ECANCELED')
    }
    expect(await outcomeOf(listing)).toMatchObject({ code: 'SANDBOX_AGENT_FAILED' })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('that is endless is an EFBIG', async () => {
    const { agent, sandbox } = await leased()
    const listing = sandbox.listFiles('p')
    listing.catch(() => {})
    const line = Buffer.from(entryLine('x'.repeat(65_000)))
    for (let sent = 0; sent < 1033; sent++) {
      agent.data(1, Stream.stdout, line)
      await flow()
    }
    expect(agent.signals).toEqual(['SIGTERM'])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(listing)).toMatchObject({ errno: 'EFBIG', path: 'p' })
  })
})

describe('stat()', () => {
  it('gives what a path leads to', async () => {
    const { agent, sandbox } = await leased()
    answerWith(agent, ({ path }) => entryLine(path, { type: 'other' }))
    expect(await sandbox.stat('a/b')).toEqual(entry('a/b', { type: 'other' }))
  })

  it('of an agent that says nothing is its failure', async () => {
    const { agent, sandbox } = await leased()
    answerWith(agent, () => '')
    await expect(sandbox.stat('a')).rejects.toMatchObject({ code: 'SANDBOX_AGENT_FAILED' })
  })

  it('does not wait for the rest, and stops it', async () => {
    const { agent, sandbox } = await leased()
    const asking = sandbox.stat('a')
    agent.data(1, Stream.stdout, entryLine('a') + entryLine('b'))
    expect(await asking).toMatchObject({ path: 'a' })
    await flow()
    agent.fail(1, 'ECANCELED')
    await flow()
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })
})

describe('moveFile() between two file systems', () => {
  /** What happens when `move` itself is refused. */
  async function moved(errno: string, answers: (asked: Asked) => string | { errno: string }) {
    const { agent, sandbox } = await leased()
    answerWith(agent, (asked) => (asked.op === 'move' ? { errno } : answers(asked)))
    const moving = sandbox.moveFile('from', 'to').catch((error: unknown) => error)
    for (let turns = 0; turns < 10; turns++) await flow()
    return { agent, moving }
  }

  it('copies, with the mode, and deletes the old one last', async () => {
    const { agent, sandbox } = await leased()
    answerWith(agent, ({ op, path }) => {
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
    expect(agent.heardOf(Kind.eof).map(({ id }) => id)).toEqual([writeId])
    expect(agent.requests).toEqual([
      { op: 'move', path: 'from', to: 'to' },
      { op: 'list', path: '.' },
      { op: 'stat', path: 'from' },
      { op: 'read', path: 'from' },
      { op: 'write', path: 'to', mode: 0o750, atomic: true },
      { op: 'delete', path: 'from' },
    ])
  })

  it.each<[string, string, (asked: Asked) => string | { errno: string }, object, number]>([
    ['refused otherwise is not tried', 'EACCES', () => '', { errno: 'EACCES', path: 'from' }, 1],
    [
      'of a folder is refused',
      'EXDEV',
      () => entryLine('from', { type: 'directory' }),
      { errno: 'EXDEV', path: 'from' },
      2,
    ],
    [
      'of a link is refused',
      'EXDEV',
      () => entryLine('from', { type: 'symlink' }),
      { errno: 'EXDEV', path: 'from' },
      2,
    ],
    [
      'that cannot be written does not delete',
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
      'that cannot be read does not write',
      'EXDEV',
      ({ op, path }) => {
        if (op === 'read') return { errno: 'EACCES' }
        return entryLine(op === 'list' ? 'from' : path)
      },
      { errno: 'EACCES', path: 'from' },
      4,
    ],
  ])('%s', async (_, errno, answers, expected, requests) => {
    const { agent, moving } = await moved(errno, answers)
    await turn()
    expect(await outcomeOf(moving)).toMatchObject(expected)
    expect(agent.requests).toHaveLength(requests)
  })
})
