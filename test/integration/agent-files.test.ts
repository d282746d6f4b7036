import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import { WINDOW_BYTES } from '../../src/agent/protocol.js'
import {
  runsAsNobody,
  isSlow,
  places,
  usePreparedFolder,
  useFolders,
} from '../helpers/agent-places.js'

const read = (path: string, offset?: number, length?: number) =>
  ({ op: 'read', path, offset, length }) as const
const write = (path: string, mode?: number) => ({ op: 'write', path, mode }) as const
const GIB = 1024 ** 3
const SETUP =
  'mkdir folder; mkfifo fifo; printf old > file; ln -s loop loop; ln -s file link; ln -s gone dangling'

describe.each(places)('files of the $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  describe('a read', () => {
    it('a read sends the size, time and mode before the bytes', async () => {
      const folder = await folderOfTest()
      await folder.sh('printf 12345 > f; chmod 640 f; touch -d @1577836800.123456 f')
      const { started, stdout, stderr, done } = await folder.ask(read('f'))
      expect(started).toEqual({
        size: 5,
        mtimeMs: expect.closeTo(1577836800123.456, 2),
        mode: 0o640,
      })
      expect([stdout.toString(), stderr, done]).toEqual(['12345', '', {}])
    })

    it('a read returns all bytes of a large file, by a relative and by an absolute path', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(700_000)
      await folder.write('a ž.bin', bytes)
      for (const path of ['a ž.bin', `${folder.agent.workspace}/${folder.path}/a ž.bin`]) {
        const { started, stdout } = await folder.ask(read(path))
        expect([started?.size, stdout.equals(bytes)]).toEqual([700_000, true])
      }
    })

    it.skipIf(isSlow(place)).each([
      ['the whole file', read('f'), '0123456789'],
      ['the bytes from an offset', read('f', 4), '456789'],
      ['a length from the start', read('f', undefined, 3), '012'],
      ['a part', read('f', 2, 5), '23456'],
      ['nothing for the length 0', read('f', 2, 0), ''],
      ['the bytes up to the end if the length exceeds it', read('f', 8, 100), '89'],
      ['nothing at the end', read('f', 10), ''],
      ['nothing past the end', read('f', 11, 5), ''],
      ['nothing far past the end', read('f', 2 ** 40), ''],
      ['nothing of an empty file', read('empty', 0, 10), ''],
      ['the target of a link', read('link', 9, 9), '9'],
    ])('a read returns %s', async (_, request, expected) => {
      const folder = await folderOfTest()
      await folder.sh('printf 0123456789 > f; : > empty; ln -s f link')
      const { started, stdout, done } = await folder.ask(request)
      expect([stdout.toString(), done]).toEqual([expected, {}])
      expect(started?.size).toBe(request.path === 'empty' ? 0 : 10)
    })

    it('a read returns parts that are as long as the window and longer', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(WINDOW_BYTES * 3)
      await folder.write('f', bytes)
      for (const length of [65_535, 65_536, 65_537, WINDOW_BYTES, WINDOW_BYTES + 1]) {
        const { stdout } = await folder.ask(read('f', 77, length))
        expect(stdout.equals(bytes.subarray(77, 77 + length))).toBe(true)
      }
    })

    it('a read works in a sparse file beyond 4 GiB', async () => {
      const folder = await folderOfTest()
      await folder.sh(`truncate -s ${5 * GIB} f; printf end >> f`)
      const { started, stdout } = await folder.ask(read('f', 5 * GIB - 2, 100))
      expect([started?.size, stdout.toString()]).toEqual([5 * GIB + 3, '\0\0end'])
      expect((await folder.ask(read('f', GIB, 300_000))).stdout.equals(Buffer.alloc(300_000))).toBe(
        true,
      )
    })

    it('a read returns a file of /proc whose size is 0', async () => {
      const folder = await folderOfTest()
      const { started, stdout } = await folder.ask(read('/proc/version'))
      expect(started?.size).toBe(0)
      expect(stdout.toString()).toMatch(/^Linux version /)
      const part = await folder.ask(read('/proc/version', 2, 4))
      expect(part.stdout.toString()).toBe('nux ')
      expect(await folder.read('/proc/net/dev')).toContain('lo:')
    })

    it('file requests refuse what /proc tells about a process, also through a link', async () => {
      const folder = await folderOfTest()
      await folder.sh('ln -s /proc/self/maps maps; ln -s /proc/self me; ln -s /proc/thread-self it')
      const files = ['maps', 'me/status', 'it/environ', '/proc/self/cmdline', '/proc/1/stat']
      for (const file of files) expect(await folder.errnoOf(read(file)), file).toBe('EACCES')
      for (const path of ['me', 'me/', 'me/fd', 'it/ns', '/proc/self/task'])
        expect(await folder.errnoOf({ op: 'list', path }), path).toBe('EACCES')
      expect(await folder.errnoOf(write('me/oom_score_adj'))).toBe('EACCES')
      const { stdout } = await folder.ask({ op: 'list', path: '/proc', recursive: true })
      expect(stdout.toString()).toMatch(/"path":"\d+"/)
      expect(stdout.toString()).not.toMatch(/"path":"\d+\//)
    })

    it('a read stays within the credit, and a signal stops it with ECANCELED', async () => {
      const folder = await folderOfTest()
      await folder.sh('truncate -s 1M f')
      const request = folder.open(read('f'), { grantsCredit: false })
      await request.waitForBytes(WINDOW_BYTES)
      await folder.sh('true')
      expect([request.received(), request.started?.size]).toEqual([WINDOW_BYTES, 1024 * 1024])
      request.grant(10)
      await request.waitForBytes(WINDOW_BYTES + 10)
      await folder.sh('true')
      expect(request.received()).toBe(WINDOW_BYTES + 10)
      request.signal('SIGTERM')
      expect((await request.answer()).done.error?.code).toBe('ECANCELED')
    })
  })

  describe('a write', () => {
    it('a write stores the bytes of stdin until eof', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(700_000)
      const answer = await folder.ask(write('a ž.bin'), bytes)
      const nothing = { stdout: Buffer.alloc(0), stderr: '', records: [] }
      expect(answer).toEqual({ started: {}, ...nothing, done: {} })
      expect((await folder.expectSuccess(read('a ž.bin'))).equals(bytes)).toBe(true)
      expect(await folder.ask(write('empty'))).toMatchObject({ started: {}, done: {} })
      expect(await folder.stat('empty')).toMatchObject({ type: 'file', size: 0 })
    })

    it('a write sends started before the first byte arrives', async () => {
      const folder = await folderOfTest()
      const request = folder.open(write('f'))
      await request.wait('the write has started', () => request.started !== undefined)
      expect(await folder.stat('f')).toMatchObject({ size: 0 })
      await request.writeStdin('later')
      request.end()
      expect((await request.answer()).done).toEqual({})
      expect(await folder.read('f')).toBe('later')
    })

    it('a write replaces the whole content and keeps the mode', async () => {
      const folder = await folderOfTest()
      await folder.sh('printf "a long text" > f; chmod 711 f; ln -s f link')
      await folder.write('f', 'short')
      expect(await folder.read('f')).toBe('short')
      expect(await folder.stat('f')).toMatchObject({ mode: 0o711 })
      await folder.write('link', 'through')
      expect(await folder.read('f')).toBe('through')
    })

    it('a write through a dangling link creates the target', async () => {
      const folder = await folderOfTest()
      await folder.sh('ln -s gone dangling')
      await folder.write('dangling', 'here')
      expect(await folder.read('gone')).toBe('here')
    })

    it.skipIf(isSlow(place)).each([
      ['0644 by default', undefined, 0o644],
      ['0600', 0o600, 0o600],
      ['0777 with any umask', 0o777, 0o777],
      ['0', 0, 0],
    ])('a write creates a file with the mode %s', async (_, mode, expected) => {
      const folder = await folderOfTest()
      await folder.expectSuccess(write('f', mode), 'x')
      expect(await folder.stat('f')).toMatchObject({ mode: expected, size: 1 })
    })

    it('a write changes the mode of an existing file to that of the request', async () => {
      const folder = await folderOfTest()
      await folder.sh('printf old > f; chmod 600 f')
      await folder.expectSuccess(write('f', 0o751), 'new')
      expect(await folder.stat('f')).toMatchObject({ mode: 0o751 })
    })

    it.runIf(runsAsNobody(place))('a write creates a file that nobody owns', async () => {
      const folder = await folderOfTest()
      await folder.write('plain', 'x')
      await folder.expectSuccess({ op: 'write', path: 'atomic', atomic: true }, 'x')
      await folder.sh('for f in plain atomic; do [ -O $f ] && [ -G $f ] || exit 1; done')
    })

    it('a signal stops a write with ECANCELED', async () => {
      const folder = await folderOfTest()
      const request = folder.open(write('f'))
      await request.writeStdin('a part')
      request.signal('SIGKILL')
      expect((await request.answer()).done.error?.code).toBe('ECANCELED')
      await folder.write('f', 'again')
      expect(await folder.read('f')).toBe('again')
    })

    it('a write grants credit for the bytes that it has written', async () => {
      const folder = await folderOfTest()
      const request = folder.open(write('f'))
      for (let part = 0; part < 8; part++)
        await request.writeStdin(Buffer.alloc(WINDOW_BYTES, `${part}`))
      await request.wait('the agent grants all credit', () => request.credit === WINDOW_BYTES)
      request.end()
      await request.answer()
      expect(await folder.stat('f')).toMatchObject({ size: WINDOW_BYTES * 8 })
      expect(await folder.sh('tr -s 0-7 < f')).toBe('01234567')
    })
  })

  describe.skipIf(isSlow(place))('an invalid request', () => {
    const prepared = usePreparedFolder(place, SETUP)
    const failures: readonly (readonly [RegExp, FileRequest])[] = [
      [/^ENOENT$/, read('missing')],
      [/^ENOENT$/, read('dangling')],
      [/^EISDIR$/, read('folder')],
      [/^EINVAL$/, read('fifo')],
      [/^EINVAL$/, read('/dev/zero')],
      [/^ELOOP$/, read('loop')],
      [/^ENOTDIR$/, read('file/x')],
      [/^EACCES$/, read('/etc/shadow')],
      [/^ENAMETOOLONG$/, read('n'.repeat(256))],
      [/^ENOENT$/, write('no/folder')],
      [/^EISDIR$/, write('folder')],
      [/^(EINVAL|ENXIO)$/, write('fifo')],
      [/^EINVAL$/, write('/dev/null')],
      [/^ELOOP$/, write('loop')],
      [/^ENOTDIR$/, write('file/x')],
      [/^(EACCES|EROFS)$/, write('/etc/passwd')],
      [/^(EACCES|EROFS)$/, write('/etc/new')],
      [/^ENAMETOOLONG$/, write('n'.repeat(256))],
    ]

    it.each(failures)('a file request fails with %s: %j', async (code, request) => {
      const folder = await prepared()
      const { started, stdout, done } = await folder.ask(request, 'new')
      expect({ started, stdout: stdout.toString(), done }).toEqual({
        started: undefined,
        stdout: '',
        done: { error: { code: expect.stringMatching(code), message: expect.any(String) } },
      })
      expect(await folder.read('link')).toBe('old')
    })

    it('a fifo is refused with EINVAL even if a program has its other end open', async () => {
      const folder = await folderOfTest()
      const holder = folder.start('mkfifo fifo; exec 3<>fifo; echo ready; read line')
      await holder.waitForText('ready\n')
      expect(await folder.errnoOf(write('fifo'))).toBe('EINVAL')
      expect(await folder.errnoOf({ op: 'write', path: 'fifo', atomic: true })).toBe('EINVAL')
      expect(await folder.errnoOf(read('fifo'))).toBe('EINVAL')
      expect(await folder.list()).toMatchObject([{ path: 'fifo', type: 'other' }])
      holder.signal('SIGKILL')
      await holder.answer()
    })
  })
})
