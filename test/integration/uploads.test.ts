import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Sandbox } from '../../src/index.js'
import { SandboxError } from '../../src/index.js'
import type { Received, ReceiveFilesOptions, SandboxEnv } from '../../middleware/index.js'
import { errorResponse, receiveFiles, sandbox } from '../../middleware/index.js'
import { endOfLease, listen } from '../helpers/app.js'
import { leaseOfTest, usePool } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

const pool = usePool({
  runtime: 'runc',
  memory: '1g',
  workspaceSize: '300m',
  languages: { python: { size: 1, max: 2 } },
})
beforeEach(() =>
  until('a container is idle and none is leased', () => {
    const { leased, idle = 0 } = pool().stats().python ?? {}
    return leased === 0 && idle > 0
  }),
)
const MIB = 1024 * 1024

/** Makes an app that receives files into a sandbox. `errors` has the errors of its calls. */
function appOf(held: Sandbox | undefined, options: ReceiveFilesOptions = {}) {
  const errors: unknown[] = []
  const app = new Hono<SandboxEnv>()
  if (!held) app.use(sandbox({ pool: pool() }))
  app.onError((error, c) => {
    errors.push(error)
    if (error instanceof SandboxError) return errorResponse(c, error)
    return c.text(String(error), 500)
  })
  app.post('/', async (c) => {
    return c.json(await receiveFiles(c, { ...options, ...(held && { sandbox: held }) }))
  })
  return { app, errors }
}

/** Sends a piece several times, with backpressure. */
async function pump(req: ClientRequest, piece: Buffer, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    if (!req.write(piece)) await once(req, 'drain')
  }
}

async function answerTo(req: ClientRequest): Promise<{ status: number; body: string }> {
  const [answer]: IncomingMessage[] = await once(req, 'response')
  let body = ''
  for await (const piece of answer?.setEncoding('utf8') ?? []) body += piece
  return { status: answer?.statusCode ?? 0, body }
}

async function post(app: Hono<SandboxEnv>, body: string | FormData, type?: string) {
  const headers = type === undefined ? undefined : { 'content-type': type }
  const answer = await fetch(await listen(app), { method: 'POST', body, headers })
  return { status: answer.status, answer: await answer.text() }
}

function formOf(files: Record<string, string>, fields: Record<string, string> = {}): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  for (const [name, text] of Object.entries(files)) {
    form.append('file', new File([text], name, { type: 'text/csv' }))
  }
  return form
}

describe('an upload', () => {
  it('receiveFiles() stores the files of a form and returns their paths', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const { app } = appOf(held, { folder: 'in/here' })
    const form = formOf({ 'a.csv': '1,2\n', 'x/日本.csv': 'ü' }, { title: 'Data' })
    const { answer } = await post(app, form)
    const received: Received = JSON.parse(answer)
    const file = { field: 'file', mimeType: 'text/csv' }
    expect(received).toEqual({
      fields: { title: 'Data' },
      files: [
        { ...file, name: 'a.csv', path: 'in/here/a.csv', size: 4 },
        { ...file, name: '日本.csv', path: 'in/here/日本.csv', size: 2 },
      ],
    })
    expect(await held.readFile('in/here/a.csv', { format: 'text' })).toBe('1,2\n')
    expect(await held.readFile('in/here/日本.csv', { format: 'text' })).toBe('ü')
  })

  it('receiveFiles() stores any other body as one file', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const { app } = appOf(held, { path: 'data.json' })
    const { answer } = await post(app, '{"a":1}', 'application/json')
    const file = { name: 'data.json', path: 'data.json', mimeType: 'application/json', size: 7 }
    expect(JSON.parse(answer)).toEqual({ fields: {}, files: [file] })
    expect(await held.readFile('data.json', { format: 'text' })).toBe('{"a":1}')
    const empty = await app.request('/', { method: 'POST' })
    expect(await empty.json()).toMatchObject({ files: [{ size: 0 }] })
    expect(await held.stat('data.json')).toMatchObject({ size: 0 })
  })

  it('receiveFiles() works under bodyLimit()', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const outer = new Hono<SandboxEnv>().use(bodyLimit({ maxSize: MIB }))
    outer.route('/', appOf(held).app)
    expect(await post(outer, formOf({ a: 'x' }))).toMatchObject({ status: 200 })
  })

  it.each<[string, ReceiveFilesOptions, string | FormData, number, string]>([
    ['a form with too many files', { maxFiles: 1 }, formOf({ a: '', b: '' }), 413, 'TOO_LARGE'],
    ['too large a file', { maxFileBytes: 9 }, formOf({ a: 'x'.repeat(10) }), 413, 'TOO_LARGE'],
    ['too large a form', { maxBytes: 99 }, formOf({ a: '' }), 413, 'TOO_LARGE'],
    ['too large a body', { path: 'a', maxBytes: 9 }, 'x'.repeat(10), 413, 'TOO_LARGE'],
    ['too large a body for a file', { path: 'a', maxFileBytes: 9 }, '0123456789', 413, 'TOO_LARGE'],
    ['neither a form nor a path', {}, 'x', 400, 'INVALID'],
    ['an invalid name', {}, formOf({ '..': 'x' }), 400, 'INVALID'],
    ['an invalid limit', { maxBytes: Number.NaN }, 'x', 500, 'SANDBOX_INVALID_OPTION'],
    ['a path in a missing folder', { path: 'no/where' }, 'x', 404, 'ENOENT'],
    ['a path to a folder', { path: '/workspace' }, 'x', 500, 'EISDIR'],
  ])('an upload with %s is refused', async (_, options, body, status, text) => {
    const held = await leaseOfTest(pool(), 'python')
    const refused = await post(appOf(held, options).app, body)
    expect(refused).toMatchObject({ status, answer: expect.stringContaining(text) })
    expect(await held.listFiles('.', { recursive: true })).toEqual([])
  })

  it('a body that was read already is refused with a clear message', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const { app } = appOf(held, { path: 'a' })
    const outer = new Hono<SandboxEnv>().use(async (c, next) => {
      await c.req.text()
      await next()
    })
    expect(await post(outer.route('/', app), 'x')).toMatchObject({
      answer: expect.stringContaining('has already been read'),
    })
  })
})

describe('a large upload', () => {
  const boundary = 'multipart/form-data; boundary=xx'
  const head = '--xx\r\nContent-Disposition: form-data; name="a"; filename="big"\r\n\r\n'
  const piece = Buffer.alloc(64 * 1024, 'x')
  const start = async (app: Hono<SandboxEnv>, type: string) => {
    const req = request(await listen(app), { method: 'POST', headers: { 'content-type': type } })
    req.on('error', () => {})
    return req
  }

  it.each([
    ['as it is', 'application/octet-stream', '', ''],
    ['in a form', boundary, head, '\r\n--xx--\r\n'],
  ])('a large upload is never whole in memory, %s', async (_, type, before, after) => {
    const held = await leaseOfTest(pool(), 'python')
    const { app } = appOf(held, { path: 'big', maxBytes: 201 * MIB })
    const req = await start(app, type)
    const answer = answerTo(req)
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers)
    }, 10)
    const bytesBefore = process.memoryUsage().arrayBuffers
    req.write(before)
    await pump(req, piece, (200 * MIB) / piece.length)
    req.end(after)
    const { body } = await answer
    clearInterval(watch)
    expect(JSON.parse(body)).toMatchObject({ files: [{ path: 'big', size: 200 * MIB }] })
    expect(await held.stat('big')).toMatchObject({ size: 200 * MIB })
    expect(peak - bytesBefore).toBeLessThan(128 * MIB)
  })

  it('an upload whose content length is too large is refused before it is read', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const req = await start(appOf(held, { path: 'big' }).app, 'application/octet-stream')
    req.setHeader('content-length', 1000 * MIB)
    req.flushHeaders()
    expect(await within('the upload is refused', answerTo(req))).toMatchObject({ status: 413 })
    req.destroy()
  })

  it.each([
    ['beyond its limit', { maxBytes: MIB }, 413],
    ['beyond the disk', { maxBytes: 1000 * MIB }, 500],
  ])('an upload %s is refused early and leaves no file', async (_, options, status) => {
    const held = await leaseOfTest(pool(), 'python')
    const { app } = appOf(held, { path: 'big', ...options })
    await held.exec(`head -c ${280 * MIB} /dev/zero > full`)
    const before = await held.listFiles()
    for (const type of [boundary, 'application/octet-stream']) {
      const req = await start(app, type)
      const answer = answerTo(req)
      req.write(type === boundary ? head : '')
      const pumping = pump(req, piece, 10_000).catch(() => {})
      expect(await within('the upload is refused', answer)).toMatchObject({ status })
      req.destroy()
      await Promise.race([pumping, once(req, 'close')])
      expect(await held.listFiles()).toEqual(before)
      expect(await held.exec('echo after')).toMatchObject({ stdout: 'after\n' })
    }
  })

  it.each([
    ['as it is', 'application/octet-stream', ''],
    ['in a form', boundary, head],
  ])(
    'a disconnect during an upload rejects the call and ends the lease, %s',
    async (_, type, before) => {
      const end = endOfLease(pool())
      const { app, errors } = appOf(undefined, { path: 'big' })
      const req = await start(app, type)
      req.write(before)
      await pump(req, piece, 20)
      req.destroy()
      expect(await end()).toMatchObject({ released: 'recreated' })
      await until('the call has rejected', () => errors.length > 0)
      const code = expect.stringMatching(/^SANDBOX_(UPLOAD_INVALID|LEASE_ENDED)$/)
      expect(errors).toMatchObject([{ code }])
    },
  )

  it('a disconnect during an upload into an acquired sandbox leaves no file', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const { app, errors } = appOf(held, { path: 'big' })
    for (const type of [boundary, 'application/octet-stream']) {
      const req = await start(app, type)
      req.write(type === boundary ? head : '')
      await pump(req, piece, 20)
      req.destroy()
      await until('the call has rejected', () => errors.length > 0)
      expect(errors.splice(0)).toMatchObject([{ code: 'SANDBOX_UPLOAD_INVALID' }])
      expect(await held.listFiles()).toEqual([])
    }
  })
})
