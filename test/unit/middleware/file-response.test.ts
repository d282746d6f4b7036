import { parse } from 'content-disposition'
import * as fc from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { Stream } from '../../../src/agent/protocol.js'
import { isFresh, requestedPart, validatorsOf } from '../../../middleware/conditional.js'
import { sendFile } from '../../../middleware/index.js'
import { flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { cases } from '../fakes/property.js'

const ENTRY = { name: 'a', path: 'a', type: 'file', size: 1000, mode: 0o644 } as const
const MTIME = Date.UTC(2020, 0, 2, 3, 4, 5, 678) + 0.25
const { etag, lastModified = '' } = validatorsOf({ ...ENTRY, mtimeMs: MTIME })

/** Returns whether the file is fresh for a request, and the part of it that the request asks for. */
async function evaluate(
  headers: Record<string, string>,
  method = 'GET',
  size: number = ENTRY.size,
) {
  const validators = validatorsOf({ ...ENTRY, size, mtimeMs: MTIME })
  const app = new Hono().on(['GET', 'HEAD', 'POST'], '/', (c) =>
    c.json(null, 200, {
      fresh: String(isFresh(c, validators)),
      part: JSON.stringify(requestedPart(c, size, validators) ?? 'all'),
    }),
  )
  const answer = await app.request('/', { method, headers })
  const part: unknown = JSON.parse(answer.headers.get('part') ?? '')
  return { isFresh: answer.headers.get('fresh') === 'true', part }
}

describe('validatorsOf', () => {
  it('depends on the size and the time of a file', () => {
    expect(lastModified).toBe('Thu, 02 Jan 2020 03:04:05 GMT')
    expect(etag).toMatch(/^"[0-9a-f.]+-[0-9a-f.]+"$/)
    const others = [
      { ...ENTRY, mtimeMs: MTIME + 0.25 },
      { ...ENTRY, size: 1001, mtimeMs: MTIME },
    ]
    for (const other of others) expect(validatorsOf(other).etag).not.toBe(etag)
  })

  it.each([
    ['before 1970', -1, undefined],
    ['after the last time of HTTP', 2 ** 62, undefined],
    ['not a number', Number.NaN, undefined],
    ['in the future', Date.now() + 1e9, new Date().toUTCString().slice(0, 16)],
  ])('returns a valid Last-Modified or none for a time that is %s', (_, mtimeMs, expected) => {
    expect(validatorsOf({ ...ENTRY, mtimeMs }).lastModified?.slice(0, 16)).toBe(expected)
  })
})

describe('isFresh', () => {
  it.each<[string, Record<string, string>, boolean]>([
    ['no condition', {}, false],
    ['the same tag', { 'if-none-match': etag }, true],
    ['the same tag as a weak tag, as compression makes it', { 'if-none-match': `W/${etag}` }, true],
    ['the same tag among others', { 'if-none-match': `"x", W/"y" ,${etag}` }, true],
    ['any tag', { 'if-none-match': ' * ' }, true],
    ['another tag', { 'if-none-match': '"x"' }, false],
    ['an invalid tag', { 'if-none-match': etag.slice(1, -1) }, false],
    ['the same time', { 'if-modified-since': lastModified }, true],
    ['a later time', { 'if-modified-since': 'Thu, 02 Jan 2020 03:04:06 GMT' }, true],
    ['an earlier time', { 'if-modified-since': 'Thu, 02 Jan 2020 03:04:04 GMT' }, false],
    ['an invalid time', { 'if-modified-since': 'yesterday' }, false],
    [
      'another tag and the same time',
      { 'if-none-match': '"x"', 'if-modified-since': lastModified },
      false,
    ],
  ])('for %s returns whether the client has the file', async (_, headers, expected) => {
    expect((await evaluate(headers)).isFresh).toBe(expected)
  })
})

describe('requestedPart', () => {
  const part = (start: number, length: number) => ({ start, length })
  it.each<[string, unknown]>([
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-499', part(0, 500)],
    ['bytes=500-', part(500, 500)],
    ['bytes=999-', part(999, 1)],
    ['bytes=990-2000', part(990, 10)],
    ['bytes=-1', part(999, 1)],
    ['bytes=-1000', part(0, 1000)],
    ['bytes=-5000', part(0, 1000)],
    ['BYTES= 1-2 ', part(1, 2)],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=1000-1001', 'unsatisfiable'],
    [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=0-1,5-6', 'all'],
    ['bytes=5-2', 'all'],
    ['bytes=-', 'all'],
    ['bytes=a-b', 'all'],
    ['bytes=0x1-2', 'all'],
    ['bytes', 'all'],
    ['lines=1-2', 'all'],
    ['', 'all'],
  ])('returns the part of the range "%s"', async (range, expected) => {
    expect((await evaluate({ range })).part).toEqual(expected)
  })

  it('is unsatisfiable for an empty file', async () => {
    for (const range of ['bytes=0-', 'bytes=-5', 'bytes=0-0']) {
      expect((await evaluate({ range }, 'GET', 0)).part).toBe('unsatisfiable')
    }
  })

  it.each<[string, string, unknown]>([
    ['the same tag', etag, part(0, 2)],
    ['the same tag as a weak tag', `W/${etag}`, 'all'],
    ['another tag', '"x"', 'all'],
    ['the same time', lastModified, part(0, 2)],
    ['another time', 'Thu, 02 Jan 2020 03:04:06 GMT', 'all'],
  ])('uses the range only if If-Range matches: %s', async (_, condition, expected) => {
    const request = await evaluate({ range: 'bytes=0-1', 'if-range': condition })
    expect(request.part).toEqual(expected)
  })

  it.each(['HEAD', 'POST'])('returns the whole file for a %s request', async (method) => {
    expect((await evaluate({ range: 'bytes=0-1' }, method)).part).toBe('all')
  })
})

describe('the file name in Content-Disposition', () => {
  /** Returns the headers of a response with a file of this name. */
  async function headersOf(name: string, filename?: string): Promise<Headers> {
    const { agent, sandbox } = await leaseSandbox()
    const app = new Hono().get('/', (c) => sendFile(c, `out/${name}`, { sandbox, filename }))
    const asking = app.request('/', { method: 'HEAD' })
    await flushStreams()
    const { name: _, ...entry } = ENTRY
    agent.data(1, Stream.stdout, JSON.stringify({ ...entry, mtimeMs: MTIME }))
    agent.done(1)
    const answer = await asking
    expect(answer.status).toBe(200)
    return answer.headers
  }
  const fileNameIn = (headers: Headers) =>
    parse(headers.get('content-disposition') ?? '').parameters['filename']

  it.each([
    ['plot.png', 'plot.png'],
    ['a b;c="d".txt', 'a b;c="d".txt'],
    ['naïve résumé 日本.pdf', 'naïve résumé 日本.pdf'],
    ['x\r\nSet-Cookie: a=b', 'x\r\nSet-Cookie: a=b'],
    ['100%41.txt', '100%41.txt'],
    ['bad\uDC80\uDCFF.txt', 'bad\uFFFD\uFFFD.txt'],
  ])('is safe for the file %j', async (name, expected) => {
    const headers = await headersOf(name)
    expect(fileNameIn(headers)).toBe(expected)
    expect(headers.get('set-cookie')).toBeNull()
  })

  it('is the name of the option, without its folders', async () => {
    expect(fileNameIn(await headersOf('a.bin', '../../etc/passwd'))).toBe('passwd')
  })

  it('is one line of ASCII for all names', async () => {
    const name = fc
      .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: 40 })
      .map((units) => String.fromCharCode(...units))
      // Other code refuses strings that cannot be a path.
      .map((text) => text.replaceAll(/[\u{d800}-\u{dc7f}\u{dd00}-\u{dfff}/]/gu, '_'))
    await fc.assert(
      fc.asyncProperty(name, async (name) => {
        const header = (await headersOf(name)).get('content-disposition') ?? ''
        expect(header).toMatch(/^attachment; filename[\x20-\x7e]+$/)
      }),
      cases(200),
    )
  })
})
