import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import type { Folder } from '../helpers/agent-folder.js'
import { isSlow, places, useFolder, useFolders } from '../helpers/agent-places.js'

const atomic = (path: string, mode?: number) => ({ op: 'write', path, mode, atomic: true }) as const
/** The longest name there can be: nothing is longer that is made of it. */
const LONGEST = 'n'.repeat(255)
const SETUP = 'mkdir folder closed; mkfifo fifo; printf old > file; chmod 500 closed'

/** Begins one, and has it take some bytes. */
async function begin(folder: Folder, request: FileRequest, text: string) {
  const call = folder.open(request)
  await call.writeStdin(text)
  await call.wait('the bytes are taken', () => call.credit === text.length)
  return call
}

describe.each(places)('an atomic write of a $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const prepared = useFolder(place, SETUP)

  it.each(['f', LONGEST])(
    'leaves the old content until eof, and nothing after it',
    async (name) => {
      const folder = await folderOfTest()
      await folder.write(name, 'old')
      const call = await begin(folder, atomic(name), 'new')
      expect(call.started).toEqual({})
      expect(await folder.read(name)).toBe('old')
      // The new one is beside it, under another name.
      const during = (await folder.list()).map(({ path, type }) => ({ type, isIt: path === name }))
      expect(during).toHaveLength(2)
      expect(during).toContainEqual({ type: 'file', isIt: true })
      expect(during).toContainEqual({ type: 'file', isIt: false })
      call.end()
      expect((await call.answer()).done).toEqual({})
      expect(await folder.list()).toMatchObject([{ path: name, size: 3 }])
      expect(await folder.read(name)).toBe('new')
    },
  )

  it('makes a file that was not there, at eof', async () => {
    const folder = await folderOfTest()
    const call = await begin(folder, atomic('f'), 'new')
    expect(await folder.refusal({ op: 'read', path: 'f' })).toBe('ENOENT')
    call.end()
    await call.answer()
    expect(await folder.list()).toMatchObject([{ path: 'f', size: 3, mode: 0o644 }])
  })

  it.each(['f', LONGEST])('that is stopped leaves the old file and nothing else', async (name) => {
    const folder = await folderOfTest()
    await folder.write(name, 'old')
    const before = await folder.list()
    const call = await begin(folder, atomic(name), 'new')
    call.signal('SIGTERM')
    expect((await call.answer()).done.error?.code).toBe('ECANCELED')
    expect(await folder.list()).toEqual(before)
    expect(await folder.read(name)).toBe('old')
  })

  it('that is stopped before a byte has come leaves nothing', async () => {
    const folder = await folderOfTest()
    const call = folder.open(atomic('f'))
    call.signal('SIGKILL')
    expect((await call.answer()).done.error?.code).toBe('ECANCELED')
    expect(await folder.list()).toEqual([])
  })

  it.skipIf(isSlow(place)).each([
    ['the old one’s', 'chmod 711 f', undefined, 0o711],
    ['the one asked for', 'chmod 711 f', 0o600, 0o600],
    ['the one asked for, of a new file', 'rm f', 0o777, 0o777],
    ['0644, of a new file', 'rm f', undefined, 0o644],
  ])('has as its mode %s', async (_, setup, mode, expected) => {
    const folder = await folderOfTest()
    await folder.sh(`printf old > f; ${setup}`)
    await folder.well(atomic('f', mode), 'new')
    expect(await folder.list()).toMatchObject([{ path: 'f', mode: expected, size: 3 }])
  })

  it.each(['file', 'folder', 'gone', 'link'])(
    'takes the name of a link to %s, and leaves what it led to',
    async (name) => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir folder; printf old > file; ln -s ${name} link`)
      const others = await folder.list('.', true)
      await folder.well(atomic('link'), 'new')
      const expected = others.filter(({ path }) => path !== 'link')
      const link = (await folder.list('.', true)).find(({ path }) => path === 'link')
      expect(link).toMatchObject({ type: 'file', size: 3 })
      expect(await folder.list('.', true)).toEqual([...expected, link])
      expect(await folder.read('link')).toBe('new')
    },
  )

  it('leaves the other names of a file what they were', async () => {
    const folder = await folderOfTest()
    await folder.sh('printf old > f; ln f other')
    await folder.well(atomic('f'), 'new')
    expect([await folder.read('f'), await folder.read('other')]).toEqual(['new', 'old'])
  })

  it('two at once end as the one whose eof came last', async () => {
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

  it('whose place is taken by a folder meanwhile fails, and leaves the folder alone', async () => {
    const folder = await folderOfTest()
    const call = await begin(folder, atomic('f'), 'new')
    await folder.sh('mkdir f')
    call.end()
    expect((await call.answer()).done.error?.code).toBe('EISDIR')
    expect(await folder.tree()).toEqual(['f'])
  })

  it('whose new file has gone meanwhile fails with ENOENT', async () => {
    const folder = await folderOfTest()
    await folder.write('f', 'old')
    const call = await begin(folder, atomic('f'), 'new')
    await folder.sh('for f in * .*; do [ -f "$f" ] && [ "$f" != f ] && rm "./$f"; done; :')
    call.end()
    expect((await call.answer()).done.error?.code).toBe('ENOENT')
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
  ])('is refused with %s at %j', async (code, request) => {
    const folder = await prepared()
    const before = await folder.list('.', true)
    expect(await folder.refusal(request)).toMatch(code)
    expect(await folder.list('.', true)).toEqual(before)
  })
})
