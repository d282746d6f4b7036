import { gzipSync } from 'node:zlib'
import type { Sandbox } from 'hono-sandbox'
import { createTestPool } from 'hono-sandbox/testing'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { archive, END, entry, header, record } from '../../helpers/tar.js'

const pool = createTestPool({ languages: { python: { size: 1 } } })
let box: Sandbox
beforeEach(async () => {
  box = await pool.acquire('python')
  return () => box.release()
})
afterAll(() => pool.close({ deadlineMs: 0 }))

const before = entry({ name: 'before' }, 'first')
const file = entry({ name: 'evil' }, 'evil')
const pax = (body: string, type = 'x') => entry({ name: 'pax', type }, body)
const link = (name: string, linkname: string, type = '2') => entry({ name, type, linkname })
const paths = async () => (await box.listFiles('.', { recursive: true })).map(({ path }) => path)

/** Archives that are refused, with the last words of the reason. */
const REFUSED: Record<string, [archive: Buffer, reason: RegExp]> = {
  'an absolute name': [archive(before, entry({ name: '/etc/x' }, 'x')), /absolute/],
  'an absolute name of PAX': [archive(before, pax(record('path', '/tmp/x')), file), /absolute/],
  'an absolute name of GNU': [archive(before, pax('/tmp/x\0', 'L'), file), /absolute/],
  'a name with ..': [archive(before, entry({ name: 'a/../../x' }, 'x')), /'\.\.'/],
  'a name that is ..': [archive(before, entry({ name: '..', type: '5' })), /'\.\.'/],
  'a name with NUL': [archive(before, pax(record('path', 'a\0b')), file), /NUL/],
  'a name that is too long': [
    archive(before, pax(record('path', 'n'.repeat(256))), file),
    /too long/,
  ],
  'a path that is too long': [
    archive(before, pax(record('path', 'n/'.repeat(2500))), file),
    /too long/,
  ],
  'a file without a name': [
    archive(before, entry({ name: './', type: '0' }), file, entry({ name: '' }, 'x')),
    /no name/,
  ],
  'a link to an absolute path': [archive(before, link('l', '/etc/passwd')), /out of/],
  'a link to a path that begins as the workspace': [
    archive(before, link('l', '/workspace-2/x')),
    /out of/,
  ],
  'a link above the workspace': [archive(before, link('a/l', '../../x')), /out of/],
  'a link above the workspace through a name': [
    archive(before, link('a/l', 'b/../../../x')),
    /out of/,
  ],
  'a link without a target': [archive(before, link('l', '')), /out of/],
  'a hard link to an absolute path': [archive(before, link('l', '/etc/passwd', '1')), /absolute/],
  'a hard link above the workspace': [archive(before, link('l', '../x', '1')), /'\.\.'/],
  'a hard link to nothing': [archive(before, link('l', 'gone', '1')), /ENOENT/],
  'a hard link to itself': [archive(before, link('before', './before', '1')), /itself/],
  'a path through a link of the archive': [
    archive(before, link('l', '.'), entry({ name: 'l/evil' }, 'x')),
    /in its way/,
  ],
  'a path through a file of the archive': [
    archive(before, entry({ name: 'before/evil' }, 'x')),
    /in its way/,
  ],
  'a file in the place of a folder': [
    archive(before, entry({ name: 'd/', type: '5' }), entry({ name: 'd' }, 'x')),
    /EISDIR/,
  ],
  'a folder in the place of a file': [
    archive(before, entry({ name: 'before', type: '5' })),
    /EEXIST/,
  ],
  'a character device': [archive(before, entry({ name: 'd', type: '3' })), /device/],
  'a block device': [archive(before, entry({ name: 'd', type: '4' })), /device/],
  'a FIFO': [archive(before, entry({ name: 'd', type: '6' })), /FIFO/],
  'a sparse file of GNU': [archive(before, entry({ name: 'd', type: 'S' })), /sparse/],
  'a sparse file of PAX': [archive(before, pax(record('GNU.sparse.major', '1')), file), /sparse/],
  'an unknown type': [archive(before, entry({ name: 'd', type: 'Z' }, 'x')), /unknown type/],
  'a multi-volume entry': [archive(before, entry({ name: 'd', type: 'M' }, 'x')), /unknown type/],
  'a folder with content': [archive(before, entry({ name: 'd', type: '5' }, 'x')), /content/],
  'a global header that renames': [
    archive(before, pax(record('path', 'other'), 'g'), file),
    /all entries/,
  ],
  'a PAX header with a size': [archive(before, pax(record('size', '0')), file), /size/],
  'a PAX record with a wrong length': [archive(before, pax('9 path=longer\n'), file), /not valid/],
  'a PAX record without an end': [archive(before, pax('999999 path=x\n'), file), /not valid/],
  'PAX records that overlap': [archive(before, pax(`${'\n1'.repeat(30_000)} `), file), /not valid/],
  'a PAX header that is too long': [
    archive(before, pax(record('comment', 'x'.repeat(70_000))), file),
    /too long/,
  ],
  'endless headers': [archive(before, ...Array(20).fill(pax(record('mtime', '1')))), /too many/],
  'a name that is not UTF-8': [archive(before, entry({ name: Buffer.of(0xff) }, 'x')), /UTF-8/],
  'a long name that is not UTF-8': [
    archive(before, entry({ name: 'n', type: 'L' }, Buffer.of(0xff, 0)), file),
    /UTF-8/,
  ],
  'a name that the library would change': [archive(before, entry({ name: '\uFEFFn' })), /U\+FEFF/],
  'a long name that the library would change': [
    archive(before, entry({ name: 'n', type: 'L' }, '\uFEFFn\0'), file),
    /U\+FEFF/,
  ],
  'a size in the form of large numbers': [
    archive(before, entry({ name: 'd', size: `\x80${'\0'.repeat(7)}\x7f\xff\xff\xff` }, 'x')),
    /too large/,
  ],
  'a size that is no number': [archive(before, entry({ name: 'd', size: '12x' }, 'x')), /valid/],
  'a negative size': [archive(before, entry({ name: 'd', size: '-7777777' }, 'x')), /valid/],
  'a size beyond the end': [
    archive(before, entry({ name: 'd', size: 5000 }, 'x')),
    /end is missing/,
  ],
  'a size that hides an entry': [archive(before, entry({ name: 'd', size: 0 }, 'x')), /damaged/],
  'a wrong checksum': [archive(before, entry({ name: 'd', checksum: '0000001' }, 'x')), /damaged/],
  'no end': [before, /end is missing/],
  'one zero block at the end': [Buffer.concat([before, END.subarray(512)]), /end is missing/],
  'an end within a header': [archive(before).subarray(0, 1500), /end is missing/],
  'data after the end': [Buffer.concat([archive(before), file]), /after its end|not valid/],
  'an entry after one zero block': [archive(before, END.subarray(512), file), /after its end/],
  'endless zeros': [Buffer.concat([archive(before), Buffer.alloc(2_000_000)]), /too many zeros/],
}

/** Data that is no tar archive at all. */
const NO_ARCHIVES: Record<string, [data: Buffer, reason: RegExp]> = {
  nothing: [Buffer.alloc(0), /empty/],
  text: [Buffer.from('hello'), /end is missing/],
  'long text': [Buffer.from('hello '.repeat(1000)), /not a tar archive/],
  gzip: [gzipSync(archive(before)), /gzip.*Decompress/],
  'a long gzip': [gzipSync(Buffer.from(Array.from({ length: 5000 }, Math.random).join())), /gzip/],
  zip: [Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(1000, 1)]), /zip/],
  zstd: [Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd), Buffer.alloc(1000, 1)]), /zstd/],
}

describe('an archive is refused', () => {
  it.each(Object.entries(REFUSED))('with %s', async (_name, [data, reason]) => {
    const refused = { code: 'SANDBOX_ARCHIVE_REFUSED', message: expect.stringMatching(reason) }
    for (const step of [data.length, 700]) {
      const chunks = Array.from({ length: Math.ceil(data.length / step) }, (_, at) =>
        data.subarray(at * step, (at + 1) * step),
      )
      await expect(box.importWorkspace(ReadableStream.from(chunks))).rejects.toMatchObject(refused)
    }
    expect(await paths()).not.toEqual(expect.arrayContaining([expect.stringMatching(/evil/)]))
    expect(await box.exists('/etc/x')).toBe(false)
  })

  it.each(Object.entries(NO_ARCHIVES))('if it is %s', async (_name, [data, reason]) => {
    const refused = { code: 'SANDBOX_ARCHIVE_REFUSED', message: expect.stringMatching(reason) }
    await expect(box.importWorkspace(data)).rejects.toMatchObject(refused)
    expect(await paths()).toEqual([])
  })

  it('if a link of the workspace is in its way', async () => {
    await box.importWorkspace(archive(entry({ name: 'd/', type: '5' }), link('l', 'd')))
    await expect(
      box.importWorkspace(archive(entry({ name: 'l/evil' }, 'x'))),
    ).rejects.toMatchObject({ code: 'SANDBOX_ARCHIVE_REFUSED' })
    expect(await paths()).toEqual(['d', 'l'])
  })
})

describe('an archive that is too large', () => {
  const tooLarge = { code: 'SANDBOX_ARCHIVE_TOO_LARGE' }

  it('is refused before the file that exceeds the limit', async () => {
    const data = archive(before, entry({ name: 'evil', size: 0o7777777777 }))
    await expect(box.importWorkspace(data, { maxBytes: 100 })).rejects.toMatchObject(tooLarge)
    await expect(box.importWorkspace(data.subarray(0, 1536))).rejects.toMatchObject(tooLarge)
    expect(await box.exists('evil')).toBe(false)
  })

  it('is refused if it has too many entries, and its source is stopped', async () => {
    const stopped = vi.fn()
    // Bytes that are not UTF-8 count several times, so few entries are enough.
    const longest = `${'\uDC80'.repeat(200)}/`.repeat(18)
    async function* endless() {
      try {
        for (let at = 0; ; at++) {
          yield pax(record('HONOSANDBOX.path', JSON.stringify(`${longest}${at}`)))
          yield header({ name: 'd', type: '5' })
        }
      } finally {
        stopped()
      }
    }
    await expect(box.importWorkspace(endless())).rejects.toMatchObject(tooLarge)
    expect(stopped).toHaveBeenCalledOnce()
  })
})
