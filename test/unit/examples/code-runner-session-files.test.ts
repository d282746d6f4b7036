import { request } from 'node:http'
import { results } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { Browser } from '../../helpers/browser.js'
import { useApp } from '../../helpers/code-runner-app.js'
import { until } from '../../helpers/until.js'

const app = useApp()
const open = () => new Browser(app().url)
const runCell = (session: Browser, code: string) =>
  session.post('/session/run/stream', { language: 'python', code })
const pathOf = (name: string) => `/session/files/${name}?language=python`
const put = (session: Browser, name: string, body: string) =>
  session.request(pathOf(name), { method: 'PUT', body })
const remove = (session: Browser, name: string) =>
  session.request(pathOf(name), { method: 'DELETE' })

/** The sessions that are open. A new one can take the place of another. */
const ids = () =>
  app()
    .pool.listSessions()
    .map(({ id }) => id)

async function list(session: Browser): Promise<unknown> {
  const response = await session.request('/session/files?language=python')
  expect(response.status).toBe(200)
  return response.json()
}

describe('the files of a session', () => {
  it('are written, listed, sent, replaced and deleted', async () => {
    const session = open()
    const first = await put(session, 'in/table.csv', 'a,b\n1,2\n')
    expect([first.status, first.headers.get('sandbox-session')]).toEqual([204, 'new'])
    const second = await put(session, 'in/table.csv', 'a,b\n')
    expect([second.status, second.headers.get('sandbox-session')]).toEqual([204, 'kept'])
    expect(await list(session)).toMatchObject({
      files: [
        { path: 'in', type: 'directory' },
        { path: 'in/table.csv', type: 'file', size: 4 },
      ],
      omitted: 0,
    })
    const sent = await session.request(pathOf('in/table.csv'))
    expect(await sent.text()).toBe('a,b\n')
    expect(Object.fromEntries(sent.headers)).toMatchObject({
      'content-type': expect.stringMatching(/^text\/csv\b/),
      'content-disposition': expect.stringMatching(/^attachment/),
      'x-content-type-options': 'nosniff',
    })
    expect((await remove(session, 'in')).status).toBe(204)
    expect((await session.request(pathOf('in/table.csv'))).status).toBe(404)
    expect(await list(session)).toEqual({ files: [], omitted: 0 })
  })

  it('support HEAD, ranges and conditions', async () => {
    const session = open()
    await put(session, 'a.txt', 'abcdef')
    const head = await session.request(pathOf('a.txt'), { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '6'])
    const range = (value: string) =>
      session.request(pathOf('a.txt'), { headers: { range: `bytes=${value}` } })
    const part = await range('1-2')
    expect([part.status, await part.text()]).toEqual([206, 'bc'])
    expect((await range('9-')).status).toBe(416)
    const etag = head.headers.get('etag') ?? ''
    const fresh = await session.request(pathOf('a.txt'), { headers: { 'if-none-match': etag } })
    expect(fresh.status).toBe(304)
  })

  it('cannot run scripts in the origin of the server', async () => {
    const session = open()
    await put(session, 'evil.html', '<script src="evil.js"></script>')
    const sent = await session.request(pathOf('evil.html'))
    expect(sent.headers.get('content-security-policy')).toBe('sandbox')
  })

  it('are those that a cell finds, and no other session has them', async () => {
    app().pool.onCode('names', (_, { files }) => results.stdout([...files.keys()].join()))
    const session = open()
    await put(session, 'mine', '1')
    expect(await (await runCell(session, 'names')).text()).toContain('mine')
    expect((await open().request(pathOf('mine'))).status).toBe(404)
    const other = await session.request('/session/files/mine?language=nodejs')
    expect(other.status).toBe(404)
  })

  it('are none without a session, and only an upload opens one', async () => {
    const sessions = ids()
    expect(await list(open())).toEqual({ files: [], omitted: 0 })
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      expect((await open().request(pathOf('a'), { method })).status).toBe(404)
    }
    for (const name of ['..', 'a//b', 'a%00b']) await rawStatus('PUT', `/session/files/${name}`)
    expect(ids()).toEqual(sessions)
  })

  it.each([
    'a b.txt',
    'é/日本.txt',
    '100%.txt',
    '%2e%2e',
    'a?b#c',
    '-rf',
    'a\\b',
    '...',
    '.hidden',
  ])('can have the name %s', async (name) => {
    const session = open()
    const encoded = name.split('/').map(encodeURIComponent).join('/')
    expect((await put(session, encoded, name)).status).toBe(204)
    expect(await list(session)).toMatchObject({
      files: expect.arrayContaining([expect.objectContaining({ path: name })]),
    })
    expect(await (await session.request(pathOf(encoded))).text()).toBe(name)
  })

  it.each([
    '/session/files//etc/passwd',
    '/session/files/%2Fetc%2Fpasswd',
    '/session/files/a/%2e%2e/%2e%2e/b',
    '/session/files/%2e%2e%2fetc%2fpasswd',
    '/session/files/..%2Fetc',
    '/session/files/a%2F..%2F..%2Fb',
    '/session/files/a/../../../etc/passwd',
    '/session/files/../../etc/passwd',
    '/session/files/a//b',
    '/session/files/a/',
    '/session/files/%2e',
    '/session/files/a%00b',
    '/session/files/%ff',
    '/session/files/%ed%a0%80',
    `/session/files/${'a/'.repeat(3000)}a`,
  ])('refuse the path %s', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const status = await rawStatus(method, path)
      // A URL whose dots lead out of the folder is another route.
      expect([400, 404, 405], `${method} ${status}`).toContain(status)
    }
    expect(
      app()
        .pool.listSessions()
        .filter(({ requests }) => requests > 0),
    ).toEqual([])
  })

  it.each([
    ['PUT', 'folder', 400],
    ['GET', 'folder', 400],
    ['GET', 'folder/file/below', 404],
    ['PUT', 'folder/file/below', 400],
    ['DELETE', 'missing', 404],
  ])('answer %s %s with %i, and do not repeat the path', async (method, name, status) => {
    const session = open()
    await put(session, 'folder/file', 'x')
    const body = method === 'PUT' ? 'x' : undefined
    const response = await session.request(pathOf(name), { method, body })
    const text = await response.text()
    expect(response.status, text).toBe(status)
    expect(JSON.parse(text)).toEqual({
      error: { code: expect.any(String), message: expect.any(String) },
    })
    expect(text).not.toMatch(/folder|below|missing/)
  })

  it('have at most 32 MiB', async () => {
    const { status } = await declared(32 * 1024 * 1024 + 1)
    expect(status).toBe(413)
  })

  it('appear only when they are complete', async () => {
    const session = open()
    await put(session, 'a.txt', 'old')
    const sent = request(app().url + pathOf('a.txt'), {
      method: 'PUT',
      headers: { cookie: session.cookie, 'content-length': 1000 },
    })
    sent.on('error', () => {})
    sent.write('new')
    await until('the upload has begun', () =>
      app()
        .pool.listSessions()
        .some(({ requests }) => requests > 0),
    )
    // A cell does not wait for the upload.
    app().pool.onCode('1', [])
    expect((await runCell(session, '1')).status).toBe(200)
    sent.destroy()
    await until('the upload has ended', () =>
      app()
        .pool.listSessions()
        .every(({ requests }) => requests === 0),
    )
    expect(await (await session.request(pathOf('a.txt'))).text()).toBe('old')
    expect(await list(session)).toMatchObject({ files: [{ path: 'a.txt' }], omitted: 0 })
  })
})

/** Returns the status of a request whose path is sent as it is. `fetch` would resolve the dots. */
function rawStatus(method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...addressOf(app().url), method, path: `${path}?language=python` })
    sent.once('response', (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.once('error', reject).end(method === 'PUT' ? 'x' : undefined)
  })
}

/** Sends an upload that declares a length, and no body. */
function declared(length: number): Promise<{ status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': length }
    const sent = request(app().url + pathOf('a'), { method: 'PUT', headers })
    sent.once('response', ({ statusCode }) => {
      resolve({ status: statusCode })
      sent.destroy()
    })
    sent.once('error', reject).flushHeaders()
  })
}

function addressOf(url: string) {
  const { hostname, port } = new URL(url)
  return { hostname, port }
}
