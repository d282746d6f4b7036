import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import { WINDOW_BYTES } from '../../src/agent/protocol.js'
import { isSlow, places, useFolder, useFolders } from '../helpers/agent-places.js'

const list = (path: string, recursive?: boolean) => ({ op: 'list', path, recursive }) as const
const stat = (path: string) => ({ op: 'stat', path }) as const
const mkdir = (path: string, recursive?: boolean) => ({ op: 'mkdir', path, recursive }) as const
const move = (path: string, to: string) => ({ op: 'move', path, to }) as const
const remove = (path: string, recursive?: boolean) => ({ op: 'delete', path, recursive }) as const

/** Some of all there is. */
const SETUP = `
  mkdir -p full/sub empty closed unread; printf 123 > file; printf x > full/sub/x
  printf y > closed/y; printf z > unread/z; chmod 600 file; chmod 500 closed; chmod 300 unread
  mkfifo fifo; ln -s full link; ln -s gone dangling; ln -s loop loop; ln -s file to-file`

describe.each(places)('folders of a $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const prepared = useFolder(place, SETUP)

  describe('list', () => {
    it('gives what is in a folder, links as links', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir b.d; printf 1234 > .c; mkfifo d; ln -s /nowhere a; chmod 750 b.d')
      await folder.sh('chmod 604 .c; touch -d @1577836800.123456 .c; touch -h -d @1.5 a')
      const [c, a, b, d] = await folder.list()
      const mtimeMs = expect.closeTo(1577836800123.456, 2)
      expect(c).toEqual({ path: '.c', type: 'file', size: 4, mode: 0o604, mtimeMs })
      expect(a).toEqual({ path: 'a', type: 'symlink', size: 8, mode: 0o777, mtimeMs: 1500 })
      expect(b).toMatchObject({ path: 'b.d', type: 'directory', mode: 0o750 })
      expect(d).toMatchObject({ path: 'd', type: 'other' })
    })

    it('gives nothing of an empty one, and nothing of what is below', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p empty a/b/c')
      expect(await folder.ask(list('empty'))).toMatchObject({ stdout: Buffer.alloc(0), done: {} })
      const all = await folder.ask(list('empty', true))
      expect(all).toMatchObject({ stdout: Buffer.alloc(0), done: {} })
      expect(await folder.list('a')).toMatchObject([{ path: 'b' }])
    })

    it('recursive gives all below, by the path from there', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p a/b/c a/.d; printf x > a/b/c/file; : > a/.d/e; : > top')
      const below = ['.d', '.d/e', 'b', 'b/c', 'b/c/file']
      for (const path of ['a', 'a/', './a', 'a/b/..'])
        expect(await folder.tree(path)).toEqual(below)
      expect(await folder.tree()).toEqual(['a', ...below.map((path) => `a/${path}`), 'top'])
      expect((await folder.list('a', true)).at(-1)).toMatchObject({ type: 'file', size: 1 })
    })

    it('gives of the root, too, the path from there', async () => {
      const folder = await folderOfTest()
      const paths = (await folder.list('/')).map(({ path }) => path)
      expect(paths).toEqual(expect.arrayContaining(['dev', 'etc', 'proc']))
    })

    it('follows the path it is given, and no link below', async () => {
      const folder = await folderOfTest()
      await folder.sh(
        'mkdir -p real/sub; ln -s ../real real/sub/up; ln -s /etc real/etc; : > real/f',
      )
      await folder.sh('ln -s real link')
      const below = ['etc', 'f', 'sub', 'sub/up']
      expect(await folder.tree('link')).toEqual(below)
      expect(await folder.tree('real')).toEqual(below)
      expect(await folder.list('link')).toMatchObject([
        { path: 'etc', type: 'symlink' },
        { path: 'f', type: 'file' },
        { path: 'sub', type: 'directory' },
      ])
    })

    it('gives a folder it may not read without what is in it', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p closed/in a; : > closed/x; : > a/b; chmod 0 closed')
      expect(await folder.tree()).toEqual(['a', 'a/b', 'closed'])
      expect(await folder.refusal(list('closed'))).toBe('EACCES')
      await folder.sh('chmod 400 closed') // its names, and nothing else
      expect((await folder.tree()).filter((path) => !path.startsWith('closed/'))).toEqual([
        'a',
        'a/b',
        'closed',
      ])
    })

    it('as far as the credit goes, to the byte, until a signal stops it: ECANCELED', async () => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir d; cd d; seq -f ${'n'.repeat(200)}%g 2000 | xargs touch`)
      const call = folder.open(list('d', true), { givesCredit: false })
      await call.sends(WINDOW_BYTES)
      call.grant(10)
      await call.sends(WINDOW_BYTES + 10)
      await folder.agent.ping()
      call.signal('SIGTERM')
      expect((await call.answer()).done.error?.code).toBe('ECANCELED')
      expect(call.received()).toBe(WINDOW_BYTES + 10)
    })
  })

  describe.skipIf(isSlow(place))('stat', () => {
    it.each([
      ['file', { type: 'file', size: 3, mode: 0o600 }],
      ['to-file', { type: 'file', size: 3, mode: 0o600 }],
      ['empty', { type: 'directory' }],
      ['link', { type: 'directory' }],
      ['link/sub/x', { type: 'file', size: 1 }],
      ['fifo', { type: 'other' }],
      ['.', { type: 'directory' }],
      ['/', { type: 'directory' }],
      ['/dev/null', { type: 'other', mode: 0o666 }],
      ['/etc/shadow', { type: 'file' }],
    ])('of %s gives what it is, or what the link leads to', async (path, expected) => {
      const folder = await prepared()
      expect(await folder.stat(path)).toMatchObject({ ...expected, path: folder.at(path) })
    })

    it('gives the path as it was asked for, and the time with a fraction', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir a; : > a/b; touch -d @1577836800.123456 a/b')
      const mtimeMs = expect.closeTo(1577836800123.456, 2)
      for (const path of ['a/b', './/a/../a/b']) {
        expect(await folder.stat(path)).toMatchObject({ path: folder.at(path), size: 0, mtimeMs })
      }
    })
  })

  describe('mkdir, move and delete', () => {
    const changes: readonly (readonly [FileRequest, { gone?: string[]; here?: string[] }])[] = [
      [mkdir('new'), { here: ['new'] }],
      [mkdir('link/new'), { here: ['full/new'] }],
      [mkdir('new/a/b', true), { here: ['new', 'new/a', 'new/a/b'] }],
      [mkdir('full/sub', true), {}],
      [mkdir('link', true), {}],
      [mkdir('link/sub/a/b', true), { here: ['full/sub/a', 'full/sub/a/b'] }],
      [move('file', 'new'), { gone: ['file'], here: ['new'] }],
      [move('file', 'file'), {}],
      [move('file', 'full/sub/x'), { gone: ['file'] }],
      [
        move('full', 'new'),
        { gone: ['full', 'full/sub', 'full/sub/x'], here: ['new', 'new/sub', 'new/sub/x'] },
      ],
      [move('full/sub', 'empty'), { gone: ['full/sub', 'full/sub/x'], here: ['empty/x'] }],
      [move('dangling', 'new'), { gone: ['dangling'], here: ['new'] }],
      [move('file', 'link'), { gone: ['file'] }],
      [move('link', 'file'), { gone: ['link'] }],
      [move('fifo', 'empty/fifo'), { gone: ['fifo'], here: ['empty/fifo'] }],
      [remove('file'), { gone: ['file'] }],
      [remove('file', true), { gone: ['file'] }],
      [remove('fifo'), { gone: ['fifo'] }],
      [remove('link'), { gone: ['link'] }],
      [remove('link', true), { gone: ['link'] }],
      [remove('dangling'), { gone: ['dangling'] }],
      [remove('loop', true), { gone: ['loop'] }],
      [remove('empty', true), { gone: ['empty'] }],
      [remove('full', true), { gone: ['full', 'full/sub', 'full/sub/x'] }],
      [remove('link/sub', true), { gone: ['full/sub', 'full/sub/x'] }],
    ]

    it.skipIf(isSlow(place)).each(changes)(
      '%j does just that',
      async (request, { gone = [], here = [] }) => {
        const folder = await folderOfTest()
        await folder.sh(SETUP)
        const before = await folder.tree()
        await folder.well(request)
        const left = before.filter((path) => !gone.includes(path))
        expect(await folder.tree()).toEqual([...left, ...here].sort())
      },
    )

    const refusals: readonly (readonly [string, FileRequest])[] = [
      ['ENOENT', list('missing')],
      ['ENOTDIR', list('file')],
      ['ENOTDIR', list('file', true)],
      ['ELOOP', list('loop')],
      ['ENOENT', list('dangling', true)],
      ['EACCES', list('unread')],
      ['EACCES', list('/root', true)],
      ['ENOENT', stat('missing')],
      ['ENOENT', stat('dangling')],
      ['ENOTDIR', stat('file/x')],
      ['ELOOP', stat('loop')],
      ['EACCES', stat('/root/x')],
      ['ENAMETOOLONG', stat('n'.repeat(256))],
      ['EEXIST', mkdir('empty')],
      ['EEXIST', mkdir('file')],
      ['EEXIST', mkdir('link')],
      ['EEXIST', mkdir('dangling')],
      ['EEXIST', mkdir('.')],
      ['ENOENT', mkdir('no/folder')],
      ['ENOTDIR', mkdir('file/x')],
      ['EACCES', mkdir('closed/x')],
      ['EEXIST', mkdir('file', true)],
      ['EEXIST', mkdir('dangling', true)],
      ['ENOTDIR', mkdir('file/x', true)],
      ['ENOTDIR', mkdir('file/x/y', true)],
      ['EACCES', mkdir('closed/x/y', true)],
      ['ENOENT', move('missing', 'new')],
      ['ENOENT', move('file', 'no/folder')],
      ['EISDIR', move('file', 'empty')],
      ['ENOTDIR', move('empty', 'file')],
      ['ENOTDIR', move('file/x', 'new')],
      ['ENOTEMPTY', move('empty', 'full')],
      ['EINVAL', move('full', 'full/sub/new')],
      ['EACCES', move('file', 'closed/y')],
      ['EACCES', move('closed/y', 'new')],
      ['ENOENT', remove('missing')],
      ['ENOENT', remove('missing', true)],
      ['EISDIR', remove('empty')],
      ['EISDIR', remove('full')],
      ['EISDIR', remove('closed')],
      ['ENOTDIR', remove('file/x')],
      ['ENOTDIR', remove('file/x', true)],
      ['EACCES', remove('closed/y')],
      ['EACCES', remove('closed', true)],
      ['EACCES', remove('unread', true)],
    ]

    it.skipIf(place.where === 'process')(
      'EXDEV to a move from one file system to another',
      async () => {
        const folder = await folderOfTest()
        await folder.write('f', 'x')
        expect(await folder.refusal(move('f', '/tmp/f'))).toBe('EXDEV')
        expect(await folder.read('f')).toBe('x')
      },
    )

    it.skipIf(isSlow(place)).each(refusals)(
      '%s to %j, and all is as it was',
      async (code, request) => {
        const folder = await prepared()
        const before = await folder.list('.', true)
        const { stdout, done } = await folder.ask(request)
        expect([stdout.toString(), done]).toEqual([
          '',
          { error: { code, message: expect.any(String) } },
        ])
        expect(await folder.list('.', true)).toEqual(before)
      },
    )

    // A shell of gVisor's cannot be that deep: its getcwd gives up.
    describe.skipIf(place.where === 'runsc')('deeper than a path can be long', () => {
      // And than a language will call itself.
      const deep = `p=${'long/'.repeat(200)}; for i in 1 2 3 4 5 6 7; do mkdir -p $p; cd -P $p; done`
      const setup = `mkdir keep tree; : > keep/x; cd tree; ${deep}; ln -s /etc etc; : > end`

      it('delete takes all, and goes past no link', async () => {
        const folder = await folderOfTest()
        await folder.sh(setup)
        await folder.well(remove('tree', true))
        expect(await folder.tree()).toEqual(['keep', 'keep/x'])
      })

      it('list gives the folders that a path reaches, and their like beside them', async () => {
        const folder = await folderOfTest()
        await folder.sh(setup)
        const paths = await folder.tree()
        expect(paths).toEqual(expect.arrayContaining(['keep', 'keep/x', 'tree', 'tree/long']))
        expect(paths.length).toBeGreaterThan(700)
        expect(paths.length).toBeLessThan(1400)
        await folder.well(remove('tree', true))
      })
    })

    it.skipIf(isSlow(place))('list goes deep', async () => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir -p ${'d/'.repeat(1500)}; : > ${'d/'.repeat(1500)}end`)
      const paths = await folder.tree()
      expect(paths).toHaveLength(1501)
      expect(paths).toContain(`${'d/'.repeat(1500)}end`)
    })
  })
})
