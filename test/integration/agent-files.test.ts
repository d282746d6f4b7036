import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { FileRequest } from '../../src/agent/protocol.js'
import { WINDOW_BYTES } from '../../src/agent/protocol.js'
import { isNobody, isSlow, places, useFolder, useFolders } from '../helpers/agent-places.js'

const read = (path: string, offset?: number, length?: number) =>
  ({ op: 'read', path, offset, length }) as const
const write = (path: string, mode?: number) => ({ op: 'write', path, mode }) as const
const GIB = 1024 ** 3
const SETUP =
  'mkdir folder; mkfifo fifo; printf old > file; ln -s loop loop; ln -s file link; ln -s gone dangling'

describe.each(places)('files of a $language agent, $where', (place) => {
  const folderOfTest = useFolders(place)

  describe('are read', () => {
    it('with their size, time and mode before the bytes', async () => {
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

    it('in any size, byte by byte, also by a path from the root', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(700_000)
      await folder.write('a ž.bin', bytes)
      for (const path of ['a ž.bin', `${folder.agent.workspace}/${folder.path}/a ž.bin`]) {
        const { started, stdout } = await folder.ask(read(path))
        expect([started?.size, stdout.equals(bytes)]).toEqual([700_000, true])
      }
    })

    it.skipIf(isSlow(place)).each([
      ['the whole of it', read('f'), '0123456789'],
      ['from an offset', read('f', 4), '456789'],
      ['from the start, a length', read('f', undefined, 3), '012'],
      ['a part', read('f', 2, 5), '23456'],
      ['nothing, of no length', read('f', 2, 0), ''],
      ['what there is, of a length past the end', read('f', 8, 100), '89'],
      ['nothing at the end', read('f', 10), ''],
      ['nothing past the end', read('f', 11, 5), ''],
      ['nothing far past the end', read('f', 2 ** 40), ''],
      ['nothing of an empty one', read('empty', 0, 10), ''],
      ['what a link leads to', read('link', 9, 9), '9'],
    ])('%s', async (_, request, expected) => {
      const folder = await folderOfTest()
      await folder.sh('printf 0123456789 > f; : > empty; ln -s f link')
      const { started, stdout, done } = await folder.ask(request)
      expect([stdout.toString(), done]).toEqual([expected, {}])
      expect(started?.size).toBe(request.path === 'empty' ? 0 : 10)
    })

    it('in parts that are as long as the window and longer', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(WINDOW_BYTES * 3)
      await folder.write('f', bytes)
      for (const length of [65_535, 65_536, 65_537, WINDOW_BYTES, WINDOW_BYTES + 1]) {
        const { stdout } = await folder.ask(read('f', 77, length))
        expect(stdout.equals(bytes.subarray(77, 77 + length))).toBe(true)
      }
    })

    it('where they have holes, past four gibibytes too', async () => {
      const folder = await folderOfTest()
      await folder.sh(`truncate -s ${5 * GIB} f; printf end >> f`)
      const { started, stdout } = await folder.ask(read('f', 5 * GIB - 2, 100))
      expect([started?.size, stdout.toString()]).toEqual([5 * GIB + 3, '\0\0end'])
      expect((await folder.ask(read('f', GIB, 300_000))).stdout.equals(Buffer.alloc(300_000))).toBe(
        true,
      )
    })

    it('to their end though they say they are empty: /proc/self/status', async () => {
      const folder = await folderOfTest()
      const { started, stdout } = await folder.ask(read('/proc/self/status'))
      expect(started?.size).toBe(0)
      expect(stdout.toString()).toMatch(/^Name:\t[^]*\nUid:\t/)
      const part = await folder.ask(read('/proc/self/status', 2, 4))
      expect(part.stdout.toString()).toBe('me:\t')
    })

    it('as far as the credit goes, to the byte, until a signal stops it: ECANCELED', async () => {
      const folder = await folderOfTest()
      await folder.sh('truncate -s 1M f')
      const call = folder.open(read('f'), { givesCredit: false })
      await call.sends(WINDOW_BYTES)
      await folder.sh('true')
      expect([call.received(), call.started?.size]).toEqual([WINDOW_BYTES, 1024 * 1024])
      call.grant(10)
      await call.sends(WINDOW_BYTES + 10)
      await folder.sh('true')
      expect(call.received()).toBe(WINDOW_BYTES + 10)
      call.signal('SIGTERM')
      expect((await call.answer()).done.error?.code).toBe('ECANCELED')
    })
  })

  describe('are written', () => {
    it('with the bytes of stdin, to its eof', async () => {
      const folder = await folderOfTest()
      const bytes = randomBytes(700_000)
      const answer = await folder.ask(write('a ž.bin'), bytes)
      const nothing = { stdout: Buffer.alloc(0), stderr: '', records: [] }
      expect(answer).toEqual({ started: {}, ...nothing, done: {} })
      expect((await folder.well(read('a ž.bin'))).equals(bytes)).toBe(true)
      expect(await folder.ask(write('empty'))).toMatchObject({ started: {}, done: {} })
      expect(await folder.stat('empty')).toMatchObject({ type: 'file', size: 0 })
    })

    it('and say that they have begun before a byte has come', async () => {
      const folder = await folderOfTest()
      const call = folder.open(write('f'))
      await call.wait('it has begun', () => call.started !== undefined)
      expect(await folder.stat('f')).toMatchObject({ size: 0 })
      await call.writeStdin('later')
      call.end()
      expect((await call.answer()).done).toEqual({})
      expect(await folder.read('f')).toBe('later')
    })

    it('over what was there, all of it, and keep its mode', async () => {
      const folder = await folderOfTest()
      await folder.sh('printf "a long text" > f; chmod 711 f; ln -s f link')
      await folder.write('f', 'short')
      expect(await folder.read('f')).toBe('short')
      expect(await folder.stat('f')).toMatchObject({ mode: 0o711 })
      await folder.write('link', 'through')
      expect(await folder.read('f')).toBe('through')
    })

    it('through a link that leads nowhere yet', async () => {
      const folder = await folderOfTest()
      await folder.sh('ln -s gone dangling')
      await folder.write('dangling', 'here')
      expect(await folder.read('gone')).toBe('here')
    })

    it.skipIf(isSlow(place)).each([
      ['0644 where nothing is said', undefined, 0o644],
      ['0600', 0o600, 0o600],
      ['0777, whatever the umask', 0o777, 0o777],
      ['0', 0, 0],
    ])('with the mode %s', async (_, mode, expected) => {
      const folder = await folderOfTest()
      await folder.well(write('f', mode), 'x')
      expect(await folder.stat('f')).toMatchObject({ mode: expected, size: 1 })
    })

    it('with the mode that is asked for over another one', async () => {
      const folder = await folderOfTest()
      await folder.sh('printf old > f; chmod 600 f')
      await folder.well(write('f', 0o751), 'new')
      expect(await folder.stat('f')).toMatchObject({ mode: 0o751 })
    })

    it.runIf(isNobody(place))('as nobody', async () => {
      const folder = await folderOfTest()
      await folder.write('plain', 'x')
      await folder.well({ op: 'write', path: 'atomic', atomic: true }, 'x')
      await folder.sh('for f in plain atomic; do [ -O $f ] && [ -G $f ] || exit 1; done')
    })

    it('until a signal stops it: ECANCELED', async () => {
      const folder = await folderOfTest()
      const call = folder.open(write('f'))
      await call.writeStdin('a part')
      call.signal('SIGKILL')
      expect((await call.answer()).done.error?.code).toBe('ECANCELED')
      await folder.write('f', 'again')
      expect(await folder.read('f')).toBe('again')
    })

    it('within the credit: what comes is paid for as it is written', async () => {
      const folder = await folderOfTest()
      const call = folder.open(write('f'))
      for (let part = 0; part < 8; part++)
        await call.writeStdin(Buffer.alloc(WINDOW_BYTES, `${part}`))
      await call.wait('all is paid for', () => call.budget === WINDOW_BYTES)
      call.end()
      await call.answer()
      expect(await folder.stat('f')).toMatchObject({ size: WINDOW_BYTES * 8 })
      expect(await folder.sh('tr -s 0-7 < f')).toBe('01234567')
    })
  })

  describe.skipIf(isSlow(place))('are refused', () => {
    const prepared = useFolder(place, SETUP)
    const refusals: readonly (readonly [RegExp, FileRequest])[] = [
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

    it.each(refusals)('%s to %j', async (code, request) => {
      const folder = await prepared()
      const { started, stdout, done } = await folder.ask(request, 'new')
      expect({ started, stdout: stdout.toString(), done }).toEqual({
        started: undefined,
        stdout: '',
        done: { error: { code: expect.stringMatching(code), message: expect.any(String) } },
      })
      expect(await folder.read('link')).toBe('old')
    })

    it('EINVAL where somebody holds the other end of a fifo, who gets nothing', async () => {
      const folder = await folderOfTest()
      const holder = folder.start('mkfifo fifo; exec 3<>fifo; echo ready; read line')
      await holder.says('ready\n')
      expect(await folder.refusal(write('fifo'))).toBe('EINVAL')
      expect(await folder.refusal({ op: 'write', path: 'fifo', atomic: true })).toBe('EINVAL')
      expect(await folder.refusal(read('fifo'))).toBe('EINVAL')
      expect(await folder.list()).toMatchObject([{ path: 'fifo', type: 'other' }])
      holder.signal('SIGKILL')
      await holder.answer()
    })
  })
})
