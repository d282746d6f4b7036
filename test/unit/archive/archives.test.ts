import { Readable } from 'node:stream'
import * as fc from 'fast-check'
import type { Sandbox } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'
import { createTestPool } from 'hono-sandbox/testing'
import { unpackTar } from 'modern-tar'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { archive, entry, record } from '../../helpers/tar.js'
import { cases } from '../fakes/property.js'

const pool = createTestPool({
  workspaceSize: '16m',
  languages: { python: { size: 2, max: 4 } },
})
afterAll(() => pool.close({ deadlineMs: 0 }))

async function boxOfTest(): Promise<Sandbox> {
  const box = await pool.acquire('python')
  onTestFinished(() => void box.release())
  return box
}

async function treeOf(box: Sandbox) {
  const entries = await box.listFiles('.', { recursive: true })
  return Promise.all(
    entries.map(async ({ path, type, mode, mtimeMs, target }) => {
      const isFile = type === 'file'
      const content = isFile ? (await box.readFile(path)).toString('hex') : undefined
      const time = type === 'symlink' ? undefined : Math.floor(mtimeMs / 1000)
      return { path, mode, content, target, time }
    }),
  )
}

/** Names with all that the formats write in a special way. */
const CHARACTERS = [
  'a',
  'z',
  'é',
  '€',
  '𐍈',
  ' ',
  '.',
  '\n',
  '=',
  '-',
  '\uDC80',
  '\uDCFF',
  '\uFEFF',
  '\uFFFD',
]
const Name = fc
  .oneof(
    { weight: 5, arbitrary: fc.stringMatching(/^[ab]$/) },
    fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 8 }),
    fc.stringMatching(/^[xü]{80,120}$/),
  )
  .filter((name) => name !== '.' && name !== '..')
const Path = fc.array(Name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
const Mode = fc.integer({ min: 0, max: 0o777 }).map((mode) => mode | 0o700)
const Node = fc.oneof(
  fc.record({ path: Path, mode: Mode, content: fc.uint8Array({ maxLength: 1500 }) }),
  fc.record({ path: Path, mode: Mode, size: fc.constantFrom(0, 512, 33_000, 70_000) }),
  fc.record({ path: Path, mode: Mode }),
  fc.record({ path: Path, target: Name }),
)

describe('exportWorkspace() and importWorkspace()', () => {
  it('keep all files, folders, links, modes and times', async () => {
    const trees = fc.array(Node, { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(trees, fc.integer({ min: 1, max: 3000 }), async (nodes, step) => {
        const [one, other] = [await pool.acquire('python'), await pool.acquire('python')]
        try {
          for (const node of nodes) await make(one, node)
          const bytes = await bytesOf(await one.exportWorkspace())
          const chunks = []
          for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step))
          await other.importWorkspace(ReadableStream.from(chunks))
          expect(await treeOf(other)).toEqual(await treeOf(one))
        } finally {
          one.release()
          other.release()
        }
      }),
      cases(40),
    )
  })

  it('keep a long name with U+FEFF at the beginning of a part', async () => {
    const [one, other] = [await boxOfTest(), await boxOfTest()]
    await one.mkdir('x'.repeat(99))
    // Without its only character, the second name is that of a folder.
    for (const name of ['\uFEFFa', '\uFEFF']) {
      await one.writeFile(`${'x'.repeat(99)}/${name}`, 'x')
    }
    await other.importWorkspace(await one.exportWorkspace())
    expect(await treeOf(other)).toEqual(await treeOf(one))
  })

  it('an import takes what Node people have in hand', async () => {
    const box = await boxOfTest()
    const bytes = archive(entry({ name: 'a/b' }, 'x'))
    const contents = [
      bytes,
      new Blob([bytes]),
      new Blob([bytes]).stream(),
      Readable.from([bytes]),
      (async function* () {
        yield bytes.toString('latin1')
      })(),
    ]
    for (const content of contents) {
      const written = await box.importWorkspace(content)
      expect(written).toEqual({ files: 1, folders: 0, links: 0, bytes: 1 })
    }
    expect(await box.readFile('a/b', { format: 'text' })).toBe('x')
  })

  it('an import takes the archives of other programs', async () => {
    const box = await boxOfTest()
    const git = entry({ name: 'pax_global_header', type: 'g' }, record('comment', 'a'.repeat(40)))
    const name = `${'l'.repeat(99)}é${'l'.repeat(50)}`
    const long = entry({ name: '././@LongLink', type: 'L' }, `${name}\0`)
    const [root, old] = [
      entry({ name: './', type: '5' }),
      entry({ name: './old', type: '\0' }, 'o'),
    ]
    const hard = entry({ name: 'hard', type: '1', linkname: './old' })
    const setuid = entry({ name: 's', mode: 0o6755 })
    const gnu = entry({ name, magic: 'ustar  \0' }, 'long')
    await box.importWorkspace(archive(git, root, old, hard, setuid, long, gnu, Buffer.alloc(8192)))
    expect((await treeOf(box)).map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ['hard', '644'],
      [name, '644'],
      ['old', '644'],
      ['s', '755'],
    ])
  })

  it('an import replaces files and links, and keeps the rest', async () => {
    const box = await boxOfTest()
    await box.importWorkspace(
      archive(
        entry({ name: 'd/kept' }, 'k'),
        entry({ name: 'f' }, 'old'),
        entry({ name: 'l', type: '2', linkname: 'd' }),
        entry({ name: 'm', type: '2', linkname: 'f' }),
      ),
    )
    await box.importWorkspace(
      archive(
        entry({ name: 'd', type: '5', mode: 0o700 }),
        entry({ name: 'f', type: '2', linkname: 'd/kept' }),
        entry({ name: 'l', type: '5' }),
        entry({ name: 'm' }, 'new'),
      ),
    )
    const listed = await box.listFiles('.', { recursive: true })
    const found = listed.map(({ path, target }) => [path, target])
    expect(found).toEqual([
      ['d', undefined],
      ['d/kept', undefined],
      ['f', 'd/kept'],
      ['l', undefined],
      ['m', undefined],
    ])
  })

  it('an export leaves out links out of the workspace', async () => {
    const box = await boxOfTest()
    await box.importWorkspace(archive(entry({ name: 'in', type: '2', linkname: '/workspace/x' })))
    const entries = await unpackTar(await bytesOf(await box.exportWorkspace()))
    expect(entries.map(({ header }) => header.linkname)).toEqual(['/workspace/x'])
  })

  it('an export of too many bytes fails before its first byte', async () => {
    const box = await boxOfTest()
    await box.writeFile('x', '12345')
    const tooMany = box.exportWorkspace({ maxBytes: 4 })
    await expect(tooMany).rejects.toMatchObject({ errno: 'EFBIG' })
    await expect(box.exportWorkspace({ maxBytes: 5 })).resolves.toBeInstanceOf(ReadableStream)
  })

  it('an export fails before its first byte if something is not readable', async () => {
    const box = await boxOfTest()
    await box.writeFile('secret', 'x', { mode: 0o200 })
    const failed = { errno: 'EACCES', path: 'secret' }
    await expect(box.exportWorkspace()).rejects.toMatchObject(failed)
  })
})

describe('the end of a call', () => {
  it('an aborted import stops a source that waits, and says so', async () => {
    const box = await boxOfTest()
    const cancel = vi.fn()
    const source = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(archive(entry({ name: 'a' }, 'x')).subarray(0, 900)),
      cancel,
    })
    const call = new AbortController()
    const importing = box.importWorkspace(source, { signal: call.signal })
    call.abort()
    await expect(importing).rejects.toMatchObject({ errno: 'ECANCELED' })
    expect(cancel).toHaveBeenCalledOnce()
    const late = box.importWorkspace(new ReadableStream(), { timeoutMs: 1 })
    await expect(late).rejects.toMatchObject({ errno: 'ETIMEDOUT' })
  })

  it('an import ends with the lease', async () => {
    const box = await boxOfTest()
    const cancel = vi.fn()
    const importing = box.importWorkspace(new ReadableStream({ cancel }))
    box.release()
    await expect(importing).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('an import fails with the error of its source', async () => {
    const box = await boxOfTest()
    const cause = new Error('the disk is broken')
    for (const size of [1, 100_000]) {
      const source = async function* () {
        yield entry({ name: 'a' }, Buffer.alloc(size)).subarray(0, 600)
        throw cause
      }
      const failed = { errno: 'ECANCELED', cause }
      await expect(box.importWorkspace(source())).rejects.toMatchObject(failed)
    }
  })

  it('a stream of an export fails if the call or the lease ends before its end', async () => {
    const box = await boxOfTest()
    await box.writeFile('big', Buffer.alloc(9_000_000))
    const call = new AbortController()
    const aborted = await box.exportWorkspace({ signal: call.signal })
    call.abort()
    await expect(bytesOf(aborted)).rejects.toThrow(SandboxFileError)
    const ended = await box.exportWorkspace()
    box.release()
    await expect(bytesOf(ended)).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })

  it('a stream of an export can be cancelled', async () => {
    const box = await boxOfTest()
    await box.writeFile('big', Buffer.alloc(9_000_000))
    const stream = await box.exportWorkspace()
    await stream.cancel()
    const [big] = await unpackTar(await bytesOf(await box.exportWorkspace()))
    expect(big?.data).toHaveLength(9_000_000)
  })
})

async function make(
  box: Sandbox,
  node: { path: string } & Partial<Record<'content' | 'target' | 'size' | 'mode', unknown>>,
) {
  const { path, content, target, size, mode } = node
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'
  const permissions = typeof mode === 'number' ? mode : 0o644
  try {
    await box.mkdir(folder, { recursive: true })
    if (typeof target === 'string') {
      const raw = record('HONOSANDBOX.path', JSON.stringify(path))
      const rawTarget = record('HONOSANDBOX.linkpath', JSON.stringify(target))
      await box.importWorkspace(
        archive(
          entry({ name: 'pax', type: 'x' }, raw + rawTarget),
          entry({ name: 'link', type: '2', linkname: 'x' }),
        ),
      )
    } else if (content instanceof Uint8Array) {
      await box.writeFile(path, content, { mode: permissions })
    } else if (typeof size === 'number') {
      await box.writeFile(path, Buffer.alloc(size, path), { mode: permissions })
    } else await box.mkdir(path, { recursive: true })
  } catch {
    // Another node is in its place or on its way.
  }
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
