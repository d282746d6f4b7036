import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import type { Folder } from '../helpers/agent-folder.js'
import { isSlow, places, usePreparedFolder, useFolders } from '../helpers/agent-places.js'

const atomic = (path: string, mode?: number) => ({ op: 'write', path, mode, atomic: true }) as const
/** The longest name that a file system allows: no name can be made by adding to it. */
const LONGEST = 'n'.repeat(255)
const SETUP = 'mkdir folder closed; mkfifo fifo; printf old > file; chmod 500 closed'

/** Begins a write, and waits until the agent has taken the bytes. */
async function begin(folder: Folder, write: FileRequest, text: string) {
  const request = folder.open(write)
  await request.writeStdin(text)
  await request.wait('the agent takes the bytes', () => request.creditGranted === text.length)
  return request
}

describe.each(places)('an atomic write of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const prepared = usePreparedFolder(place, SETUP)

  it.each(['f', LONGEST])(
    'an atomic write to %s keeps the old content until eof and leaves no temporary file',
    async (name) => {
      const folder = await folderOfTest()
      await folder.write(name, 'old')
      const request = await begin(folder, atomic(name), 'new')
      expect(request.started).toEqual({})
      expect(await folder.read(name)).toBe('old')
      // The new file lies beside the old one, under another name.
      const during = (await folder.list()).map(({ path, type }) => ({
        type,
        isTarget: path === name,
      }))
      expect(during).toHaveLength(2)
      expect(during).toContainEqual({ type: 'file', isTarget: true })
      expect(during).toContainEqual({ type: 'file', isTarget: false })
      request.end()
      expect((await request.answer()).done).toEqual({})
      expect(await folder.list()).toMatchObject([{ path: name, size: 3 }])
      expect(await folder.read(name)).toBe('new')
    },
  )

  it('an atomic write creates a new file at eof', async () => {
    const folder = await folderOfTest()
    const request = await begin(folder, atomic('f'), 'new')
    expect(await folder.errnoOf({ op: 'read', path: 'f' })).toBe('ENOENT')
    request.end()
    await request.answer()
    expect(await folder.list()).toMatchObject([{ path: 'f', size: 3, mode: 0o644 }])
  })

  it.each(['f', LONGEST])(
    'a stopped atomic write to %s leaves the old file and no temporary file',
    async (name) => {
      const folder = await folderOfTest()
      await folder.write(name, 'old')
      const before = await folder.list()
      const request = await begin(folder, atomic(name), 'new')
      request.signal('SIGTERM')
      expect((await request.answer()).done.error?.code).toBe('ECANCELED')
      expect(await folder.list()).toEqual(before)
      expect(await folder.read(name)).toBe('old')
    },
  )

  it('an atomic write that is stopped before its first byte leaves no file', async () => {
    const folder = await folderOfTest()
    const request = folder.open(atomic('f'))
    request.signal('SIGKILL')
    expect((await request.answer()).done.error?.code).toBe('ECANCELED')
    expect(await folder.list()).toEqual([])
  })

  it.skipIf(isSlow(place)).each([
    ['of the old file', 'chmod 711 f', undefined, 0o711],
    ['of the request', 'chmod 711 f', 0o600, 0o600],
    ['of the request for a new file', 'rm f', 0o777, 0o777],
    ['0644 for a new file', 'rm f', undefined, 0o644],
  ])('an atomic write sets the mode %s', async (_, setup, mode, expected) => {
    const folder = await folderOfTest()
    await folder.sh(`printf old > f; ${setup}`)
    await folder.expectSuccess(atomic('f', mode), 'new')
    expect(await folder.list()).toMatchObject([{ path: 'f', mode: expected, size: 3 }])
  })

  it.each(['file', 'folder', 'gone', 'link'])(
    'an atomic write replaces a link to %s and does not change the target of the link',
    async (name) => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir folder; printf old > file; ln -s ${name} link`)
      const others = await folder.list('.', true)
      await folder.expectSuccess(atomic('link'), 'new')
      const expected = others.filter(({ path }) => path !== 'link')
      const link = (await folder.list('.', true)).find(({ path }) => path === 'link')
      expect(link).toMatchObject({ type: 'file', size: 3 })
      expect(await folder.list('.', true)).toEqual([...expected, link])
      expect(await folder.read('link')).toBe('new')
    },
  )

  it('an atomic write does not change the other hard links of the old file', async () => {
    const folder = await folderOfTest()
    await folder.sh('printf old > f; ln f other')
    await folder.expectSuccess(atomic('f'), 'new')
    expect([await folder.read('f'), await folder.read('other')]).toEqual(['new', 'old'])
  })

  it('of two atomic writes to one path, the write with the later eof wins', async () => {
    const folder = await folderOfTest()
    const first = await begin(folder, atomic('f'), 'the first')
    const second = await begin(folder, atomic('f'), 'the second')
    second.end()
    await second.answer()
    expect(await folder.read('f')).toBe('the second')
    first.end()
    await first.answer()
    expect(await folder.read('f')).toBe('the first')
    expect(await folder.tree()).toEqual(['f'])
  })

  it('an atomic write fails if a folder has taken the path, and does not change the folder', async () => {
    const folder = await folderOfTest()
    const request = await begin(folder, atomic('f'), 'new')
    await folder.sh('mkdir f')
    request.end()
    expect((await request.answer()).done.error?.code).toBe('EISDIR')
    expect(await folder.tree()).toEqual(['f'])
  })

  it('an atomic write fails with ENOENT if its temporary file was removed', async () => {
    const folder = await folderOfTest()
    await folder.write('f', 'old')
    const request = await begin(folder, atomic('f'), 'new')
    await folder.sh('for f in * .*; do [ -f "$f" ] && [ "$f" != f ] && rm "./$f"; done; :')
    request.end()
    expect((await request.answer()).done.error?.code).toBe('ENOENT')
    expect(await folder.tree()).toEqual(['f'])
    expect(await folder.read('f')).toBe('old')
  })

  it.skipIf(isSlow(place)).each([
    [/^EISDIR$/, atomic('folder')],
    [/^(EINVAL|ENXIO)$/, atomic('fifo')],
    [/^ENOENT$/, atomic('no/folder')],
    [/^ENOTDIR$/, atomic('file/x')],
    [/^(EACCES|EROFS)$/, atomic('/etc/passwd')],
    [/^EACCES$/, atomic('closed/x')],
    [/^ENAMETOOLONG$/, atomic('n'.repeat(256))],
  ])('an atomic write fails with %s: %j', async (code, request) => {
    const folder = await prepared()
    const before = await folder.list('.', true)
    expect(await folder.errnoOf(request)).toMatch(code)
    expect(await folder.list('.', true)).toEqual(before)
  })
})
