import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import { WINDOW_BYTES } from '../../src/agent/protocol.js'
import { isSlow, places, usePreparedFolder, useFolders } from '../helpers/agent-places.js'

const list = (path: string, recursive?: boolean) => ({ op: 'list', path, recursive }) as const
const stat = (path: string) => ({ op: 'stat', path }) as const
const mkdir = (path: string, recursive?: boolean) => ({ op: 'mkdir', path, recursive }) as const
const move = (path: string, to: string) => ({ op: 'move', path, to }) as const
const remove = (path: string, recursive?: boolean) => ({ op: 'delete', path, recursive }) as const

/** Makes files, folders, links and a fifo. */
const SETUP = `
  mkdir -p full/sub empty closed unread; printf 123 > file; printf x > full/sub/x
  printf y > closed/y; printf z > unread/z; chmod 600 file; chmod 500 closed; chmod 300 unread
  mkfifo fifo; ln -s full link; ln -s gone dangling; ln -s loop loop; ln -s file to-file`

describe.each(places)('folders of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)
  const prepared = usePreparedFolder(place, SETUP)

  describe('list', () => {
    it('list returns the entries of a folder and does not follow links', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir b.d; printf 1234 > .c; mkfifo d; ln -s /nowhere a; chmod 750 b.d')
      await folder.sh('chmod 604 .c; touch -d @1577836800.123456 .c; touch -h -d @1.5 a')
      const [c, a, b, d] = await folder.list()
      const mtimeMs = expect.closeTo(1577836800123.456, 2)
      expect(c).toEqual({ path: '.c', type: 'file', size: 4, mode: 0o604, mtimeMs })
      const link = { path: 'a', type: 'symlink', size: 8, target: '/nowhere' }
      expect(a).toEqual({ ...link, mode: 0o777, mtimeMs: 1500 })
      expect(b).toMatchObject({ path: 'b.d', type: 'directory', mode: 0o750 })
      expect(d).toMatchObject({ path: 'd', type: 'other' })
    })

    it('list returns no entry of an empty folder and none of subfolders', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p empty a/b/c')
      expect(await folder.ask(list('empty'))).toMatchObject({ stdout: Buffer.alloc(0), done: {} })
      const all = await folder.ask(list('empty', true))
      expect(all).toMatchObject({ stdout: Buffer.alloc(0), done: {} })
      expect(await folder.list('a')).toMatchObject([{ path: 'b' }])
    })

    it('a recursive list returns all entries below the folder, by their relative paths', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p a/b/c a/.d; printf x > a/b/c/file; : > a/.d/e; : > top')
      const below = ['.d', '.d/e', 'b', 'b/c', 'b/c/file']
      for (const path of ['a', 'a/', './a', 'a/b/..'])
        expect(await folder.tree(path)).toEqual(below)
      expect(await folder.tree()).toEqual(['a', ...below.map((path) => `a/${path}`), 'top'])
      expect((await folder.list('a', true)).at(-1)).toMatchObject({ type: 'file', size: 1 })
    })

    it('list of the root folder returns relative paths', async () => {
      const folder = await folderOfTest()
      const paths = (await folder.list('/')).map(({ path }) => path)
      expect(paths).toEqual(expect.arrayContaining(['dev', 'etc', 'proc']))
    })

    it('list follows a link in its own path and no link below it', async () => {
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

    it('a recursive list returns an unreadable folder without its entries', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir -p closed/in a; : > closed/x; : > a/b; chmod 0 closed')
      expect(await folder.tree()).toEqual(['a', 'a/b', 'closed'])
      expect(await folder.errnoOf(list('closed'))).toBe('EACCES')
      await folder.sh('chmod 400 closed') // only the names are readable
      expect((await folder.tree()).filter((path) => !path.startsWith('closed/'))).toEqual([
        'a',
        'a/b',
        'closed',
      ])
    })

    it('list stays within the credit, and a signal stops it with ECANCELED', async () => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir d; cd d; seq -f ${'n'.repeat(200)}%g 2000 | xargs touch`)
      const request = folder.open(list('d', true), { grantsCredit: false })
      await request.waitForBytes(WINDOW_BYTES)
      request.grant(10)
      await request.waitForBytes(WINDOW_BYTES + 10)
      await folder.agent.ping()
      request.signal('SIGTERM')
      expect((await request.answer()).done.error?.code).toBe('ECANCELED')
      expect(request.received()).toBe(WINDOW_BYTES + 10)
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
    ])('stat of %s describes the file or the target of the link', async (path, expected) => {
      const folder = await prepared()
      expect(await folder.stat(path)).toMatchObject({ ...expected, path: folder.pathOf(path) })
    })

    it('stat returns the path of the request, and a time with a fraction', async () => {
      const folder = await folderOfTest()
      await folder.sh('mkdir a; : > a/b; touch -d @1577836800.123456 a/b')
      const mtimeMs = expect.closeTo(1577836800123.456, 2)
      for (const path of ['a/b', './/a/../a/b']) {
        expect(await folder.stat(path)).toMatchObject({
          path: folder.pathOf(path),
          size: 0,
          mtimeMs,
        })
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
      'a change affects only its own paths: %j',
      async (request, { gone = [], here = [] }) => {
        const folder = await folderOfTest()
        await folder.sh(SETUP)
        const before = await folder.tree()
        await folder.expectSuccess(request)
        const left = before.filter((path) => !gone.includes(path))
        expect(await folder.tree()).toEqual([...left, ...here].sort())
      },
    )

    const failures: readonly (readonly [string, FileRequest])[] = [
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
      'a move to another file system fails with EXDEV',
      async () => {
        const folder = await folderOfTest()
        await folder.write('f', 'x')
        expect(await folder.errnoOf(move('f', '/tmp/f'))).toBe('EXDEV')
        expect(await folder.read('f')).toBe('x')
      },
    )

    it.skipIf(isSlow(place)).each(failures)(
      'a folder request fails with %s and changes nothing: %j',
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

    // Under gVisor a shell cannot go that deep, because getcwd fails.
    describe.skipIf(place.where === 'runsc')('a tree that is deeper than the longest path', () => {
      // The tree is also deeper than the recursion limit of each language.
      const deep = `p=${'long/'.repeat(200)}; for i in 1 2 3 4 5 6 7; do mkdir -p $p; cd -P $p; done`
      const setup = `mkdir keep tree; : > keep/x; cd tree; ${deep}; ln -s /etc etc; : > end`

      it('delete removes the whole tree and follows no link', async () => {
        const folder = await folderOfTest()
        await folder.sh(setup)
        await folder.expectSuccess(remove('tree', true))
        expect(await folder.tree()).toEqual(['keep', 'keep/x'])
      })

      it('list returns all folders whose paths are short enough', async () => {
        const folder = await folderOfTest()
        await folder.sh(setup)
        const paths = await folder.tree()
        expect(paths).toEqual(expect.arrayContaining(['keep', 'keep/x', 'tree', 'tree/long']))
        expect(paths.length).toBeGreaterThan(700)
        expect(paths.length).toBeLessThan(1400)
        await folder.expectSuccess(remove('tree', true))
      })
    })

    it.skipIf(isSlow(place))('list returns the entries of 1500 nested folders', async () => {
      const folder = await folderOfTest()
      await folder.sh(`mkdir -p ${'d/'.repeat(1500)}; : > ${'d/'.repeat(1500)}end`)
      const paths = await folder.tree()
      expect(paths).toHaveLength(1501)
      expect(paths).toContain(`${'d/'.repeat(1500)}end`)
    })
  })
})
