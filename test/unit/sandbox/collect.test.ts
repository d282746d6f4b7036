import { describe, expect, it } from 'vitest'
import type { CollectOptions } from '../../../src/index.js'
import { mimeTypeOf } from '../../../src/sandbox/files/mime.js'
import { answerRequests, entryLine, flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** The content of each file. A file with an errno is in the listing, but cannot be read. */
type Tree = Record<string, string | { errno: string } | { listed: string; now: string }>

async function collectFrom(tree: Tree, options: CollectOptions = {}) {
  const { agent, sandbox } = await leaseSandbox()
  const read: string[] = []
  answerRequests(agent, ({ op, path }) => {
    if (op === 'list') {
      const lines = Object.entries(tree).map(([file, content]) => {
        const listed =
          typeof content === 'string' ? content : 'listed' in content ? content.listed : 'x'
        return entryLine(file, { size: listed.length })
      })
      return `${entryLine('folder', { type: 'directory' })}${lines.join('')}`
    }
    read.push(path)
    const content = tree[path.replace(/^.*?\/(workspace|out)\//, '')] ?? { errno: 'ENOENT' }
    if (typeof content === 'string' || 'errno' in content) return content
    return content.now
  })
  const { files, omitted } = await sandbox.collect(options)
  const contents = files.map((file) => `${file.path}=${file.content.toString()}`)
  return { agent, files, contents, omitted, read }
}

describe('collect()', () => {
  it('returns each file with its content and its type, sorted by path', async () => {
    const { files, omitted, agent } = await collectFrom({
      'plot.png': 'PNG',
      'a/b.csv': '1,2',
      untyped: '',
    })
    expect(files).toEqual([
      expect.objectContaining({ path: 'a/b.csv', name: 'b.csv', mimeType: 'text/csv', size: 3 }),
      expect.objectContaining({
        path: 'plot.png',
        mimeType: 'image/png',
        content: Buffer.from('PNG'),
      }),
      expect.objectContaining({ path: 'untyped', mimeType: 'application/octet-stream', size: 0 }),
    ])
    expect(omitted).toBe(0)
    expect(agent.requests.slice(0, 2)).toEqual([
      { op: 'list', path: '/workspace', recursive: true },
      { op: 'read', path: '/workspace/a/b.csv' },
    ])
  })

  it('returns the newest files first, and omits the oldest', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const times = { old: 1, b: 2, a: 2, newest: 2.5 }
    answerRequests(agent, ({ op }) => {
      const lines = Object.entries(times).map(([name, mtimeMs]) => entryLine(name, { mtimeMs }))
      return op === 'list' ? lines.join('') : 'x'
    })
    const { files, omitted } = await sandbox.collect({ maxFiles: 3 })
    expect([files.map(({ path }) => path), omitted]).toEqual([['newest', 'a', 'b'], 1])
  })

  it.each<[string | undefined, string[]]>([
    [undefined, ['helper.py', 'out/x.csv']],
    ['**/*.pyc', []],
    ['*/*', ['out/x.csv']],
    ['!(out)/*', []],
    ['{out,__pycache__}/*', ['__pycache__/helper.pyc', 'out/x.csv']],
    ['node_modules/**', ['node_modules/a/index.js']],
  ])('takes caches and packages only if a pattern names them: %j', async (glob, expected) => {
    const paths = ['helper.py', 'out/x.csv', '__pycache__/helper.pyc', 'node_modules/a/index.js']
    const nested = ['out/__pycache__/x.pyc', '.cache/y', '.pytest_cache/z']
    const tree = Object.fromEntries([...paths, ...nested].map((path) => [path, 'x']))
    const { files, omitted } = await collectFrom(tree, { glob })
    expect([files.map(({ path }) => path), omitted]).toEqual([expected, 0])
  })

  it('collects from the folder of the option', async () => {
    const { contents, read } = await collectFrom({ a: '1' }, { folder: '/tmp/out/' })
    expect(contents).toEqual(['a=1'])
    expect(read).toEqual(['/tmp/out/a'])
  })

  it.each<[string | readonly string[], string[]]>([
    ['*.png', ['a.png']],
    ['**/*.png', ['a.png', 'd/b.png']],
    ['d/**', ['d/b.png', 'd/c.csv']],
    [
      ['*.png', '**/*.csv'],
      ['a.png', 'd/c.csv'],
    ],
    ['**/.*', ['.hidden']],
    ['**', ['a.png', 'd/b.png', 'd/c.csv']],
    [[], []],
  ])('takes the files that match %j, and does not count other files', async (glob, expected) => {
    const tree = { '.hidden': 'h', 'a.png': 'a', 'd/b.png': 'b', 'd/c.csv': 'c' }
    const { files, omitted } = await collectFrom(tree, { glob })
    expect(files.map(({ path }) => path)).toEqual(expected)
    expect(omitted).toBe(0)
  })

  it('leaves out files that have not changed since an earlier listing', async () => {
    const tree = { same: '1', grown: '22', touched: '3', fresh: '4' }
    const before = { name: '', type: 'file', mtimeMs: 1.5, size: 1, mode: 0 } as const
    const since = [
      { ...before, path: 'same' },
      { ...before, path: 'grown' },
      { ...before, path: 'touched', mtimeMs: 1.25 },
    ]
    const { files, omitted } = await collectFrom(tree, { since })
    expect(files.map(({ path }) => path)).toEqual(['fresh', 'grown', 'touched'])
    expect(omitted).toBe(0)
  })

  it.each<[CollectOptions, string[], number]>([
    [{ maxFiles: 2 }, ['a=1', 'b=22'], 2],
    [{ maxFiles: 0 }, [], 4],
    [{ maxBytes: 6 }, ['a=1', 'b=22', 'c=333'], 1],
    [{ maxBytes: 5 }, ['a=1', 'b=22'], 2],
    [{ maxBytes: 0 }, [], 4],
    [{ maxFiles: 100, maxBytes: 100 }, ['a=1', 'b=22', 'c=333', 'd=4444'], 0],
  ])('counts the files that it omits with %j', async (options, expected, omitted) => {
    const result = await collectFrom({ d: '4444', b: '22', a: '1', c: '333' }, options)
    expect(result).toMatchObject({ contents: expected, omitted })
    expect(result.read).toHaveLength(expected.length)
  })

  it('takes a small file after a file that is too large', async () => {
    const result = await collectFrom({ a: '55555', b: '1' }, { maxBytes: 3 })
    expect(result).toMatchObject({ contents: ['b=1'], omitted: 1 })
  })

  it('takes at most 100 files and 10 MiB by default', async () => {
    const many = Object.fromEntries(Array.from({ length: 103 }, (_, n) => [`f${n}`, 'x']))
    expect(await collectFrom(many)).toMatchObject({ omitted: 3 })
    const listed = 'x'.repeat(10 * 1024 * 1024)
    expect(await collectFrom({ a: { listed, now: '1' } })).toMatchObject({ contents: ['a=1'] })
    expect(await collectFrom({ a: { listed: `${listed}x`, now: '1' } })).toMatchObject({
      omitted: 1,
    })
  })

  it.each([
    'ENOENT',
    'EACCES',
    'EISDIR',
    'EINVAL',
    'ENOTDIR',
    'ELOOP',
    'ENXIO',
    'ENAMETOOLONG',
    'EIO',
  ])('counts a file that cannot be read because of %s', async (errno) => {
    const result = await collectFrom({ a: { errno }, b: '1' })
    expect(result).toMatchObject({ contents: ['b=1'], omitted: 1 })
  })

  it('counts a file that has grown past the limit since it was listed', async () => {
    const result = await collectFrom({ a: { listed: '1', now: '4444' }, b: '1' }, { maxBytes: 3 })
    expect(result).toMatchObject({ contents: ['b=1'], omitted: 1 })
  })

  it('counts the bytes that it reads, not the size in the listing', async () => {
    const tree = { a: { listed: '1', now: '333' }, b: '22' }
    expect(await collectFrom(tree, { maxBytes: 4 })).toMatchObject({
      contents: ['a=333'],
      omitted: 1,
    })
  })

  it('rejects if the folder cannot be listed, and if its signal aborts', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, () => ({ errno: 'ENOENT' }))
    await expect(sandbox.collect({ folder: 'out' })).rejects.toMatchObject({ errno: 'ENOENT' })
    answerRequests(agent, ({ op }) => (op === 'list' ? entryLine('a') : { errno: 'ECANCELED' }))
    const abort = new AbortController()
    const collecting = sandbox.collect({ signal: abort.signal })
    const { onFrame } = agent
    agent.onFrame = (frame) => {
      if (agent.requests.length === 3) abort.abort()
      onFrame(frame)
    }
    for (let round = 0; round < 3; round++) await flushStreams()
    expect(await outcomeOf(collecting)).toMatchObject({ errno: 'ECANCELED' })
  })

  it('keeps the newest names of more than 20,000', async () => {
    const { agent, sandbox } = await leaseSandbox()
    answerRequests(agent, () => '')
    const collecting = sandbox.collect({ maxFiles: 0 })
    agent.onFrame = () => {}
    expect(await outcomeOf(collecting)).toEqual({ files: [], omitted: 0 })
    const other = sandbox.collect({ maxFiles: 1, folder: 'p' })
    await flushStreams()
    for (let sent = 0; sent < 200; sent++) {
      const lines = Array.from({ length: 100 }, (_, n) =>
        entryLine(`f${sent * 100 + n}`, { size: 0, mtimeMs: sent }),
      )
      agent.data(2, 1, lines.join(''))
      await flushStreams()
    }
    agent.data(2, 1, entryLine('z', { size: 0, mtimeMs: 200 }))
    await flushStreams()
    answerRequests(agent, () => '')
    agent.done(2, {})
    for (let round = 0; round < 3; round++) await flushStreams()
    expect(await outcomeOf(other)).toMatchObject({ files: [{ path: 'z' }], omitted: 20_000 })
  })
})

describe('mimeTypeOf()', () => {
  it.each([
    ['a.png', 'image/png'],
    ['A.PNG', 'image/png'],
    ['a.json', 'application/json'],
    ['a', 'application/octet-stream'],
    ['a.nonsense', 'application/octet-stream'],
  ])('returns the type of %s', (name, type) => {
    expect(mimeTypeOf(name)).toBe(type)
  })
})
