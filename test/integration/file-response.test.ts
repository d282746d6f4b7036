import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sandbox } from '../../src/index.js'
import { SandboxError } from '../../src/index.js'
import type { SandboxEnv, SendFileOptions } from '../../middleware/index.js'
import { errorResponse, sandbox, sendFile } from '../../middleware/index.js'
import { endOfLease, listen, open } from '../helpers/app.js'
import { leaseOfTest, usePool } from '../helpers/engine.js'
import { BodyReader } from '../helpers/events.js'
import { until } from '../helpers/until.js'

const pool = usePool({
  runtime: 'runc',
  memory: '1g',
  workspaceSize: '300m',
  languages: { python: { size: 1, max: 2 } },
})
const MIB = 1024 * 1024
const TEXT = 'Hello, file!\n'

/** Makes files of all kinds, as a program could. */
const MAKE = String.raw`
import os, socket
os.mkdir('folder')
os.mkfifo('pipe')
os.symlink('hello.txt', 'link')
open('empty', 'w').close()
open('secret', 'w').close()
os.chmod('secret', 0)
open('page.html', 'w').write('<p>' + 'x' * 5000)
for name in [b'evil\r\nSet-Cookie: a=b', b'not\xff\x80utf8.txt', 'naïve"日本.txt'.encode()]:
    open(name, 'w').write('name')
socket.socket(socket.AF_UNIX).bind('socket')
`

function appOf(held: Sandbox, options: SendFileOptions = {}) {
  const app = new Hono<SandboxEnv>()
  app.onError((error, c) => {
    if (error instanceof SandboxError) return errorResponse(c, error)
    return c.text(String(error), 500)
  })
  app.get('/files/:name', (c) => {
    return sendFile(c, c.req.param('name'), { sandbox: held, ...options })
  })
  return app
}

describe('sendFile()', () => {
  let held: Sandbox
  let app: Hono<SandboxEnv>
  beforeAll(async () => {
    held = await pool().acquire('python')
    await held.writeFile('hello.txt', TEXT)
    expect(await held.runCode(MAKE)).toMatchObject({ stderr: '', exitCode: 0 })
    app = appOf(held)
    return () => void held.release()
  })

  it('sendFile() sends the whole file with headers that protect a browser', async () => {
    const answer = await fetch(`${await listen(app)}/files/hello.txt`)
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'content-disposition': 'attachment; filename=hello.txt',
      'content-length': String(TEXT.length),
      'content-security-policy': 'sandbox',
      'content-type': 'text/plain',
      etag: expect.stringMatching(/^".+"$/),
      'last-modified': expect.stringMatching(/ GMT$/),
      'x-content-type-options': 'nosniff',
    })
    expect(await answer.text()).toBe(TEXT)
  })

  it('the caller can set the content type, the disposition and the name', async () => {
    const options = { contentType: 'text/csv', disposition: 'inline', filename: 'a.csv' } as const
    const { headers } = await appOf(held, options).request('/files/hello.txt')
    expect(headers.get('content-type')).toBe('text/csv')
    expect(headers.get('content-disposition')).toBe('inline; filename=a.csv')
  })

  it.each<[string, Record<string, string>, number, string | null, string]>([
    ['a part', { range: 'bytes=7-10' }, 206, 'bytes 7-10/13', 'file'],
    ['the end', { range: 'bytes=-6' }, 206, 'bytes 7-12/13', 'file!\n'],
    ['an end that exceeds the file', { range: 'bytes=-60' }, 206, 'bytes 0-12/13', TEXT],
    ['a part beyond the end', { range: 'bytes=13-' }, 416, 'bytes */13', ''],
    ['several parts', { range: 'bytes=0-1,3-4' }, 200, null, TEXT],
    ['a part of another file', { range: 'bytes=0-1', 'if-range': '"x"' }, 200, null, TEXT],
  ])('sendFile() answers a request for %s', async (_, headers, status, range, body) => {
    const url = `${await listen(app)}/files/hello.txt`
    for (const answer of [
      await fetch(url, { headers }),
      await app.request('/files/hello.txt', { headers }),
    ]) {
      expect([answer.status, answer.headers.get('content-range')]).toEqual([status, range])
      expect(await answer.text()).toBe(body)
      if (status !== 416) expect(answer.headers.get('content-length')).toBe(String(body.length))
    }
  })

  it('sendFile() answers 304 until the file changes', async () => {
    await held.writeFile('changes', 'one')
    const url = `${await listen(app)}/files/changes`
    const { headers: first } = await fetch(url)
    const ifNoneMatch = { 'if-none-match': first.get('etag') ?? '' }
    const ifModifiedSince = { 'if-modified-since': first.get('last-modified') ?? '' }
    for (const headers of [ifNoneMatch, ifModifiedSince]) {
      const answer = await fetch(url, { headers })
      expect([answer.status, await answer.text()]).toEqual([304, ''])
      expect(answer.headers.get('etag')).toBe(first.get('etag'))
      expect(answer.headers.get('cache-control')).toBe('private, no-cache')
    }
    await held.writeFile('changes', 'other')
    const answer = await fetch(url, { headers: ifNoneMatch })
    expect([answer.status, await answer.text()]).toEqual([200, 'other'])
  })

  it('sendFile() answers HEAD with the headers and does not open the file', async () => {
    const url = `${await listen(app)}/files/`
    for (const [name, size] of [
      ['hello.txt', TEXT.length],
      ['secret', 0],
    ]) {
      const answer = await fetch(`${url}${name}`, { method: 'HEAD' })
      expect([answer.status, await answer.text()]).toEqual([200, ''])
      expect(answer.headers.get('content-length')).toBe(String(size))
      expect(answer.headers.get('accept-ranges')).toBe('bytes')
    }
    expect((await fetch(`${url}folder`, { method: 'HEAD' })).status).toBe(500)
  })

  it.each([
    ['empty', 200, ''],
    ['link', 200, TEXT],
    ['missing', 404, 'ENOENT'],
    ['hello.txt%2Fno', 404, 'ENOTDIR'],
    ['secret', 500, 'EACCES'],
    ['folder', 500, 'EISDIR'],
    ['pipe', 500, 'EINVAL'],
    ['socket', 500, 'EINVAL'],
    ['%2Fdev%2Fnull', 500, 'EINVAL'],
  ])('sendFile() of %s answers %i', async (name, status, text) => {
    const answer = await app.request(`/files/${name}`)
    expect(answer.status).toBe(status)
    expect(await answer.text()).toContain(text)
  })

  it('a hostile file name cannot add headers', async () => {
    const names = (await held.listFiles()).map(({ name }) => name)
    const hostileNames = names.filter((name) => /[^\x20-\x7e]/.test(name))
    expect(hostileNames).toHaveLength(3)
    for (const name of hostileNames) {
      const one = new Hono().get('/', (c) => sendFile(c, name, { sandbox: held }))
      const answer = await fetch(`${await listen(one)}/`)
      expect([answer.status, await answer.text()]).toEqual([200, 'name'])
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
  })

  it('compress() and etag() pass a whole file and its parts', async () => {
    const outer = new Hono().use(compress(), etag()).route('/', app)
    const url = `${await listen(outer)}/files/page.html`
    const headers = { 'accept-encoding': 'gzip' }
    const zipped = await fetch(url, { headers })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(await zipped.text()).toHaveLength(5003)
    const part = await fetch(url, { headers: { ...headers, range: 'bytes=0-2000' } })
    expect([part.status, await part.text()]).toEqual([206, `<p>${'x'.repeat(1998)}`])
    const known = { 'if-none-match': zipped.headers.get('etag') ?? '' }
    expect((await fetch(url, { headers: { ...headers, ...known } })).status).toBe(304)
  })
})

describe('a large file', () => {
  beforeEach(() => until('no container is leased', () => pool().stats().python?.leased === 0))
  const fill = (mib: number) => `with open('big', 'wb') as file:
    for at in range(${mib}): file.write(bytes([at % 251]) * ${MIB})`
  const send = async (c: Context<SandboxEnv>, mib: number) => {
    await c.get('sandbox').runCode(fill(mib))
    return sendFile(c, 'big')
  }

  it('a large file arrives complete, and the lease ends after its last byte', async () => {
    const end = endOfLease(pool())
    const app = new Hono<SandboxEnv>().use(sandbox({ pool: pool() }))
    app.get('/', (c) => send(c, 100))
    const hash = createHash('sha256')
    const answer = await open(await listen(app))
    for await (const piece of answer) hash.update(piece)
    const wanted = createHash('sha256')
    for (let at = 0; at < 100; at++) wanted.update(Buffer.alloc(MIB, at % 251))
    expect(hash.digest('hex')).toBe(wanted.digest('hex'))
    expect(await end()).toEqual({ how: 'released', released: 'recreated' })
  })

  it('the lease ends if the client disconnects', async () => {
    const end = endOfLease(pool())
    const app = new Hono<SandboxEnv>().use(sandbox({ pool: pool() }))
    app.get('/', (c) => send(c, 100))
    const answer = await open(await listen(app))
    await once(answer, 'data')
    answer.destroy()
    expect(await end()).toEqual({ how: 'aborted', released: 'recreated' })
  })

  it('an unread response stops the read of the file and blocks no other call', async () => {
    const held = await leaseOfTest(pool(), 'python')
    await held.runCode(fill(100))
    const before = process.memoryUsage().arrayBuffers
    const bodies = await Promise.all(
      Array.from(
        { length: 20 },
        async () => new BodyReader(await appOf(held).request('/files/big')),
      ),
    )
    for (const body of bodies) await body.more()
    expect(await held.exec('echo beside')).toMatchObject({ stdout: 'beside\n' })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB)
    for (const body of bodies) await body.cancel()
    expect(await held.exec('echo after')).toMatchObject({ stdout: 'after\n' })
  })

  it('the response fails if the file becomes shorter', async () => {
    const held = await leaseOfTest(pool(), 'python')
    await held.runCode(fill(100))
    const app = appOf(held)
    const answer = await open(`${await listen(app)}/files/big`)
    const body = new BodyReader(await app.request('/files/big'))
    await Promise.all([once(answer, 'readable'), body.more()])
    await held.exec(['truncate', '--size', String(90 * MIB), 'big'])
    await expect(body.rest()).rejects.toMatchObject({ errno: 'EIO' })
    const failed = once(answer, 'error')
    answer.resume()
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
  })

  it('the response fails if the lease ends', async () => {
    const held = await pool().acquire('python')
    await held.runCode(fill(100))
    const body = new BodyReader(await appOf(held).request('/files/big'))
    await body.more()
    held.release()
    await expect(body.rest()).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })
})

it('sendFile() without a sandbox fails with a clear message', async () => {
  const app = new Hono().get('/', (c) => sendFile(c, 'a'))
  app.onError((error, c) => c.text(error.message, 500))
  expect(await (await app.request('/')).text()).toContain('Mount sandbox()')
})
