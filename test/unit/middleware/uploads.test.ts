import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readForm } from '../../../middleware/multipart.js'
import { within } from '../../helpers/until.js'
import { cases } from '../fakes/property.js'

const LIMITS = { maxFiles: 5, maxFileBytes: 1000, maxFields: 5, maxFieldBytes: 100 }
const TYPE = 'multipart/form-data; boundary=xx'

interface Part {
  name?: string
  filename?: string
  type?: string
  body?: string
}

function form(...parts: Part[]): string {
  const texts = parts.map(({ name = 'a', filename, type, body = '' }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    const typed = type === undefined ? '' : `Content-Type: ${type}\r\n`
    return `--xx\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${typed}\r\n${body}\r\n`
  })
  return `${texts.join('')}--xx--\r\n`
}

function streamOf(text: string | Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text)
  let at = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The parser works between the pieces, as with a network.
      await setImmediate()
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, (at += pieceBytes)))
    },
  })
}

/** Returns the fields and the files of a form. */
async function readText(text: string | Uint8Array, limits = LIMITS, type = TYPE, pieceBytes = 50) {
  const files: { name: string; mimeType: string; text: string }[] = []
  const body = streamOf(text, pieceBytes)
  const reading = readForm(body, type, limits, async ({ name, mimeType, stream }) => {
    let text = ''
    for await (const piece of stream.setEncoding('utf8')) text += piece
    // A file takes longer to write than to read.
    await setImmediate()
    files.push({ name, mimeType, text })
  })
  const fields = await within('the form is read', reading, 5000)
  return { fields, files }
}

const INVALID = { code: 'SANDBOX_UPLOAD_INVALID' }
const TOO_LARGE = { code: 'SANDBOX_UPLOAD_TOO_LARGE' }

describe('readForm', () => {
  it('returns the fields and the files of a form in order', async () => {
    const text = form(
      { name: 'title', body: 'Ünï' },
      { filename: 'one.txt', type: 'text/plain', body: 'first' },
      { name: 'title', body: 'last' },
      { name: '__proto__', body: 'x' },
      { filename: 'two', type: 'application/octet-stream', body: 'x'.repeat(1000) },
      { filename: 'empty', type: 'text/csv' },
    )
    for (const pieceBytes of [1, 7, 10_000]) {
      const { fields, files } = await readText(text, LIMITS, TYPE, pieceBytes)
      expect(Object.entries(fields)).toEqual([
        ['title', 'last'],
        ['__proto__', 'x'],
      ])
      expect(files).toEqual([
        { name: 'one.txt', mimeType: 'text/plain', text: 'first' },
        { name: 'two', mimeType: 'application/octet-stream', text: 'x'.repeat(1000) },
        { name: 'empty', mimeType: 'text/csv', text: '' },
      ])
    }
  })

  it.each([
    ['plain.txt', 'plain.txt'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\\\Users\\\\me\\\\a.doc', 'a.doc'],
    ['/', undefined],
    ['.', undefined],
    ['..', undefined],
    ['a/..', undefined],
    ['a\\\\..', undefined],
    ['a\0b', undefined],
    ['ä'.repeat(127), 'ä'.repeat(127)],
    ['ä'.repeat(128), undefined],
    ['.bashrc', '.bashrc'],
  ])('returns a safe name or refuses the file name %j', async (filename, name) => {
    const reading = readText(form({ filename, body: 'x' }))
    if (name === undefined) await expect(reading).rejects.toMatchObject(INVALID)
    else expect(await reading).toMatchObject({ files: [{ name, text: 'x' }] })
  })

  it('ignores the empty part that a browser sends if the user chose no file', async () => {
    const empty = { filename: '', type: 'application/octet-stream' }
    expect(await readText(form(empty, empty))).toEqual({ fields: {}, files: [] })
    await expect(readText(form({ ...empty, body: 'x' }))).rejects.toMatchObject(INVALID)
    await expect(readText(form({ filename: '..' }))).rejects.toMatchObject(INVALID)
  })

  it.each<[string, string, object]>([
    ['two files with the same name', form({ filename: 'a' }, { filename: 'x/a' }), INVALID],
    ['too many files', form(...'123456'.split('').map((filename) => ({ filename }))), TOO_LARGE],
    ['a file that is too large', form({ filename: 'a', body: 'x'.repeat(1001) }), TOO_LARGE],
    ['too many fields', form(...'123456'.split('').map((name) => ({ name }))), TOO_LARGE],
    ['a field that is too large', form({ body: 'x'.repeat(101) }), TOO_LARGE],
    ['no content', '', INVALID],
    ['no parts', 'a=b', INVALID],
  ])('refuses a form with %s', async (_, text, error) => {
    for (const pieceBytes of [1, 50, 10_000]) {
      await expect(readText(text, LIMITS, TYPE, pieceBytes)).rejects.toMatchObject(error)
    }
  })

  it('refuses a form without a boundary', async () => {
    const type = 'multipart/form-data'
    await expect(readText(form(), LIMITS, type)).rejects.toMatchObject(INVALID)
  })

  it('rejects if a file cannot be saved, and leaves no stream open', async () => {
    const streams: { destroyed: boolean }[] = []
    const text = form(...'12345'.split('').map((filename) => ({ filename, body: 'x' })))
    const reading = readForm(streamOf(text, 10_000), TYPE, LIMITS, async ({ stream }) => {
      streams.push(stream)
      throw new Error('disk full')
    })
    await expect(reading).rejects.toThrow('disk full')
    expect(streams).toMatchObject([{ destroyed: true }])
  })

  it('stops reading and cancels the body of a form that it refuses', async () => {
    let [pulls, isCancelled] = [0, false]
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls++
        const head = '--xx\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
        controller.enqueue(Buffer.from(pulls === 1 ? head : 'x'.repeat(500)))
      },
      cancel() {
        isCancelled = true
      },
    })
    const reading = readForm(body, TYPE, LIMITS, async ({ stream }) => {
      for await (const _ of stream);
    })
    await expect(within('it is refused', reading)).rejects.toMatchObject(TOO_LARGE)
    expect(isCancelled).toBe(true)
    expect(pulls).toBeLessThan(50)
  })

  const whole = form(
    { name: 'title', body: 'x' },
    { filename: 'one.txt', type: 'text/plain', body: 'first\r\n--x' },
    { filename: 'two', body: 'second' },
  )

  it('refuses a form that is cut anywhere', async () => {
    for (let length = 0; length < whole.length - '--\r\n'.length; length++) {
      for (const pieceBytes of [10, 10_000]) {
        const cut = readText(whole.slice(0, length), LIMITS, TYPE, pieceBytes)
        await expect(cut, `cut at ${length}`).rejects.toMatchObject(INVALID)
      }
    }
  })

  it('refuses a form that is cut in a file while another file is being saved', async () => {
    const cut = whole.slice(0, whole.indexOf('second') + 3)
    for (const pieceBytes of [10, 10_000]) {
      const saved: string[] = []
      const body = streamOf(cut, pieceBytes)
      const reading = readForm(body, TYPE, LIMITS, async ({ name, stream }) => {
        for await (const _ of stream);
        for (let round = 0; round < 50; round++) await setImmediate()
        saved.push(name)
      })
      await expect(reading).rejects.toMatchObject(INVALID)
      expect(saved).toEqual(['one.txt'])
    }
  })

  it('resolves at the end of the form, and ignores the rest of the body', async () => {
    for (const pieceBytes of [1, 66, 10_000]) {
      const outcome = await readText(`--xx--xx${whole}`, LIMITS, TYPE, pieceBytes)
      expect(outcome).toEqual({ fields: {}, files: [] })
    }
  })

  it('reads or refuses every body, and never hangs', async () => {
    const byte = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }))
    const piece = fc.constantFrom(
      '--xx',
      '\r\n',
      '--xx--',
      '\r\n\r\n',
      '"',
      'Content-Type: ;',
      '\0',
    )
    const insert = fc.tuple(fc.nat(whole.length - 1), piece)
    await fc.assert(
      fc.asyncProperty(
        fc.array(byte, { maxLength: 4 }),
        fc.array(insert, { maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        async (changed, inserted, pieceBytes) => {
          let text = whole
          for (const [at, extra] of inserted) text = text.slice(0, at) + extra + text.slice(at)
          const bytes = Buffer.from(text)
          for (const [at, value] of changed) bytes[at] = value
          const outcome = await readText(bytes, LIMITS, TYPE, pieceBytes).catch(
            (error: unknown) => ({
              error,
            }),
          )
          if ('error' in outcome) {
            expect(outcome.error).toMatchObject({ code: expect.stringMatching(/^SANDBOX_UPLOAD/) })
          }
        },
      ),
      cases(2000),
    )
  }, 60_000)
})
