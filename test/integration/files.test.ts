import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Sandbox } from 'hono-sandbox'
import { SandboxFileError } from 'hono-sandbox'
import { leaseOfTest, places, useLease, usePool } from '../helpers/engine.js'

const MiB = 1024 * 1024
const BIG_BYTES = 200 * MiB

describe.each(places)('the files of $language under $runtime', ({ runtime, language }) => {
  const languages = { [language]: { size: 1 } }
  const pool = usePool({ runtime, workspaceSize: '8m', languages })
  const lease = useLease(pool, language)

  it('files are written and read as text, bytes, a Blob and a stream', async () => {
    const sandbox = await lease()
    const text = 'žluťoučký 🐎\n'
    await sandbox.writeFile('a.txt', text)
    expect(await sandbox.readFile('a.txt', { format: 'text' })).toBe(text)
    expect(await sandbox.readFile('a.txt')).toEqual(Buffer.from(text))
    const bytes = randomBytes(700_000)
    await sandbox.writeFiles([
      { path: 'b.bin', content: bytes },
      { path: 'c.bin', content: new Blob([bytes]) },
      { path: 'd.bin', content: new Blob([bytes]).stream() },
    ])
    for (const name of ['b.bin', 'c.bin', 'd.bin']) {
      expect((await sandbox.readFile(name)).equals(bytes), name).toBe(true)
      const stream = await sandbox.readFile(name, { format: 'stream' })
      expect(await hashOf(stream), name).toBe(hash(bytes))
    }
    const part = await sandbox.readFile('b.bin', { offset: 100_000, length: 200_000 })
    expect(part.equals(bytes.subarray(100_000, 300_000))).toBe(true)
    expect(await sandbox.readFile('b.bin', { offset: 700_000 })).toHaveLength(0)
    const { stdout } = await sandbox.exec('cat b.bin c.bin d.bin | sha256sum')
    expect(stdout).toContain(hash(Buffer.concat([bytes, bytes, bytes])))
  })

  it('files and folders are created, moved, described and deleted', async () => {
    const sandbox = await lease()
    await sandbox.mkdir('one/two/three', { recursive: true })
    await sandbox.mkdir('one/two', { recursive: true })
    await sandbox.writeFile('one/two/x.sh', '#!/bin/sh\necho ran', { mode: 0o755 })
    expect(await sandbox.exec(['one/two/x.sh'])).toMatchObject({ stdout: 'ran\n' })
    expect(await sandbox.stat('one/two/x.sh')).toMatchObject({
      name: 'x.sh',
      path: 'one/two/x.sh',
      type: 'file',
      size: 18,
      mode: 0o755,
    })
    await sandbox.moveFile('one/two/x.sh', 'one/y.sh')
    expect(await pathsOf(sandbox)).toEqual(['one', 'one/two', 'one/two/three', 'one/y.sh'])
    await sandbox.moveFile('one/y.sh', '/tmp/y.sh')
    expect(await sandbox.stat('/tmp/y.sh')).toMatchObject({ size: 18, mode: 0o755 })
    expect(await sandbox.exists('one/y.sh')).toBe(false)
    await sandbox.deleteFile('/tmp/y.sh')
    await sandbox.deleteFile('one', { recursive: true })
    expect(await pathsOf(sandbox)).toEqual([])
  })

  it.each<[string, string, (sandbox: Sandbox) => Promise<unknown>]>([
    ['ENOENT', 'a', (sandbox) => sandbox.readFile('a')],
    ['ENOENT', 'a', (sandbox) => sandbox.readFile('a', { format: 'stream' })],
    ['ENOENT', 'a/b', (sandbox) => sandbox.writeFile('a/b', '')],
    ['ENOENT', 'a', (sandbox) => sandbox.stat('a')],
    ['ENOENT', 'a', (sandbox) => sandbox.moveFile('a', 'b')],
    ['ENOENT', 'a', (sandbox) => sandbox.deleteFile('a')],
    ['ENOENT', 'a/b', (sandbox) => sandbox.mkdir('a/b')],
    ['EEXIST', 'folder', (sandbox) => sandbox.mkdir('folder')],
    ['EISDIR', 'folder', (sandbox) => sandbox.readFile('folder')],
    ['EISDIR', 'folder', (sandbox) => sandbox.writeFile('folder', '')],
    ['EISDIR', 'folder', (sandbox) => sandbox.deleteFile('folder')],
    ['ENOTDIR', 'file/x', (sandbox) => sandbox.readFile('file/x')],
    ['ENOTDIR', 'file', (sandbox) => sandbox.listFiles('file')],
    ['EACCES', '/etc/shadow', (sandbox) => sandbox.readFile('/etc/shadow')],
    ['EACCES', '/root', (sandbox) => sandbox.listFiles('/root')],
    ['ELOOP', 'loop', (sandbox) => sandbox.readFile('loop')],
    ['EINVAL', 'fifo', (sandbox) => sandbox.readFile('fifo')],
    ['ENAMETOOLONG', 'n'.repeat(256), (sandbox) => sandbox.writeFile('n'.repeat(256), '')],
    ['EFBIG', 'sparse', (sandbox) => sandbox.readFile('sparse', { maxBytes: 1000 })],
    ['ECANCELED', 'x', (sandbox) => sandbox.writeFile('x', '', { signal: AbortSignal.abort() })],
  ])('a file call fails with %s and names %j', async (errno, path, call) => {
    const sandbox = await lease()
    const setup = 'mkdir folder; echo x > file; mkfifo fifo; ln -s loop loop; truncate -s 1T sparse'
    await sandbox.exec(setup)
    const error = await call(sandbox).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SandboxFileError)
    expect(error).toMatchObject({ code: 'SANDBOX_FILE_FAILED', errno, path })
    expect(await sandbox.readFile('file', { format: 'text' })).toBe('x\n')
  })

  it('a file that exceeds the disk fails with ENOSPC and leaves no part', async () => {
    const sandbox = await lease()
    const tooMuch = new Blob([Buffer.alloc(10 * MiB)])
    await sandbox.writeFile('kept', 'as it was')
    for (const options of [{}, { atomic: true }]) {
      const full = sandbox.writeFile('big', tooMuch, options)
      await expect(full).rejects.toMatchObject({ errno: 'ENOSPC', path: 'big' })
      await sandbox.deleteFile('big').catch(() => {})
    }
    const overwrite = sandbox.writeFile('kept', tooMuch, { atomic: true })
    await expect(overwrite).rejects.toMatchObject({ errno: 'ENOSPC' })
    expect(await sandbox.readFile('kept', { format: 'text' })).toBe('as it was')
    expect(await pathsOf(sandbox)).toEqual(['kept'])
  })

  it('files keep all names that the kernel accepts', async () => {
    const sandbox = await lease()
    const names = [
      ' with spaces ',
      'new\nline',
      'q"uo\'te\\',
      'ž🐎',
      '-rf',
      '\udcff\udcfe.bin',
      'n'.repeat(255),
      '[a]*?',
    ]
    for (const name of names) await sandbox.writeFile(name, name.length.toString())
    const listed = (await sandbox.listFiles()).map((entry) => entry.name)
    expect(listed).toEqual(names.toSorted((one, other) => (one < other ? -1 : 1)))
    for (const name of names) {
      expect(await sandbox.readFile(name, { format: 'text' })).toBe(`${name.length}`)
    }
    expect(await sandbox.exec("ls | od -An -c | tr -d ' \\n'")).toMatchObject({
      stdout: expect.stringContaining('377376.bin'),
    })
    for (const name of names) await sandbox.deleteFile(name)
    expect(await pathsOf(sandbox)).toEqual([])
  })

  it('list and delete do not follow links', async () => {
    const sandbox = await lease()
    await sandbox.exec('mkdir -p out/in; echo x > out/in/x; mkdir all; ln -s ../out all/link')
    const entries = await sandbox.listFiles('all', { recursive: true })
    expect(entries.map(({ path, type }) => [path, type])).toEqual([['link', 'symlink']])
    expect((await sandbox.stat('all/link')).type).toBe('directory')
    await sandbox.deleteFile('all', { recursive: true })
    expect(await sandbox.exists('out/in/x')).toBe(true)
  })

  it('collect() returns the new files of a run within its limits', async () => {
    const sandbox = await lease()
    await sandbox.writeFiles([
      { path: 'in.csv', content: 'a,b' },
      { path: 'changed.txt', content: 'x' },
    ])
    const since = await sandbox.listFiles('.', { recursive: true })
    await sandbox.exec(
      'echo more >> changed.txt; mkdir -p out/.deep; echo p > out/plot.png; echo j > out/a.json; ' +
        'echo h > .hidden; ln -s in.csv link; mkfifo fifo; truncate -s 1T sparse.bin; ' +
        'touch -d @3 changed.txt; touch -d @2 out/plot.png; touch -d @1 out/a.json',
    )
    const { files, omitted } = await sandbox.collect({ since })
    expect(files.map(({ path, mimeType }) => [path, mimeType])).toEqual([
      ['changed.txt', 'text/plain'],
      ['out/plot.png', 'image/png'],
      ['out/a.json', 'application/json'],
    ])
    expect(omitted).toBe(1)
    expect(files[1]?.content.toString()).toBe('p\n')
    const images = await sandbox.collect({ glob: ['**/*.{png,svg}'], folder: 'out' })
    expect(images.files.map(({ path }) => path)).toEqual(['plot.png'])
    const few = await sandbox.collect({ since, maxFiles: 1 })
    expect([few.files.length, few.omitted]).toEqual([1, 3])
  })

  it('a file stream fails when the lease ends', async () => {
    const sandbox = await pool().acquire(language)
    await sandbox.exec('truncate -s 1T sparse')
    const stream = await sandbox.readFile('sparse', { format: 'stream' })
    const reader = stream.getReader()
    expect((await reader.read()).done).toBe(false)
    sandbox.release()
    const reading = (async () => {
      while (!(await reader.read()).done);
    })()
    await expect(reading).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
    await expect(sandbox.stat('.')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })
})

describe.each(places)('a file of 200 MB of $language under $runtime', ({ runtime, language }) => {
  const languages = { [language]: { size: 1, max: 1 } }
  const pool = usePool({ runtime, memory: '256m', workspaceSize: '210m', languages })

  it('a large file is written and read without being whole in memory', async () => {
    const sandbox = await leaseOfTest(pool(), language)
    const sent = createHash('sha256')
    const piece = randomBytes(MiB)
    let remaining = BIG_BYTES
    const before = process.memoryUsage.rss()
    let peak = before
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        peak = Math.max(peak, process.memoryUsage.rss())
        if (remaining === 0) return controller.close()
        piece.writeUInt32LE(remaining, 0)
        sent.update(piece)
        controller.enqueue(Buffer.from(piece))
        remaining -= piece.length
      },
    })
    await sandbox.writeFile('big', source)
    expect(await sandbox.stat('big')).toMatchObject({ size: BIG_BYTES })
    const received = createHash('sha256')
    for await (const bytes of await sandbox.readFile('big', { format: 'stream' })) {
      received.update(bytes)
      peak = Math.max(peak, process.memoryUsage.rss())
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    expect(peak - before).toBeLessThan(BIG_BYTES / 2)
  })
})

async function pathsOf(sandbox: Sandbox): Promise<string[]> {
  return (await sandbox.listFiles('.', { recursive: true })).map(({ path }) => path)
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function hashOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const result = createHash('sha256')
  for await (const bytes of stream) result.update(bytes)
  return result.digest('hex')
}
