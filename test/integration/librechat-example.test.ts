import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:http'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { librechat } from '../../examples/librechat/app.js'
import { docker, runtimes, usePool } from '../helpers/engine.js'
import { fetchOnce, urlOf } from '../helpers/http.js'

const IMAGE = 'hono-sandbox-test/librechat:python'
const KEYS = new Set(['key-of-ada', 'key-of-bob'])

const Output = { stdout: v.string(), stderr: v.string(), code: v.nullable(v.number()) }
const Id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{21}$/))
/** What the client of LibreChat reads, and the older form with `run`. */
const Result = v.strictObject({
  session_id: Id,
  ...Output,
  signal: v.nullable(v.string()),
  run: v.strictObject({ ...Output, signal: v.nullable(v.string()) }),
  files: v.array(
    v.strictObject({
      id: Id,
      name: v.string(),
      session_id: Id,
      storage_session_id: Id,
      modified_from: v.optional(v.strictObject({ id: Id, session_id: Id })),
    }),
  ),
})
const Uploaded = v.looseObject({
  message: v.literal('success'),
  storage_session_id: Id,
  files: v.array(v.looseObject({ fileId: Id, filename: v.string() })),
})

beforeAll(async () => {
  const tar = Readable.from([execFileSync('tar', ['-c', '-C', 'examples/librechat', 'Dockerfile'])])
  const buildargs = { BASE: 'hono-sandbox/python:bookworm' }
  const report = await docker.buildImage(tar, { t: IMAGE, networkmode: 'none', buildargs })
  const lines: string[] = []
  for await (const line of createInterface({ input: report })) lines.push(line)
  expect(lines.join('\n')).toContain('Successfully tagged')
})
afterAll(() => docker.getImage(IMAGE).remove({ force: true }))

describe.each(runtimes)('the code interpreter of LibreChat under %s', (runtime) => {
  const pool = usePool({
    runtime,
    languages: { python: { image: IMAGE, size: 2, max: 4 }, nodejs: { size: 1, max: 2 } },
    maxPerTenant: 1,
    maxWaitingPerTenant: 1,
  })
  let server: ReturnType<typeof serve> | undefined
  let url = ''
  beforeAll(async () => {
    const caller = ({ req }: { req: { header(name: string): string | undefined } }) =>
      [...KEYS].find((key) => key === req.header('x-api-key'))
    const app = new Hono().route('/v1', librechat({ caller, pool: pool() }))
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    url = `${urlOf(server)}/v1`
  })
  afterAll(() => void server?.close())

  const send = async (
    method: string,
    path: string,
    body?: RequestInit['body'],
    key = 'key-of-ada',
  ) => fetchOnce(url + path, { method, headers: { 'x-api-key': key }, ...(body && { body }) })
  const post = async (body: object, key?: string) =>
    send('POST', '/exec', JSON.stringify(body), key)
  const exec = async (body: object) => {
    const response = await post(body)
    expect(response.status).toBe(200)
    const result = v.parse(Result, await response.json())
    expect(result).toMatchObject(result.run)
    return result
  }
  const upload = async (files: Record<string, string>, fields: Record<string, string> = {}) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    for (const [name, text] of Object.entries(files)) form.append('file', new Blob([text]), name)
    const response = await send('POST', '/upload', form)
    const { storage_session_id: session, files: added } = v.parse(Uploaded, await response.json())
    return added.map(({ fileId, filename }) => {
      return { id: fileId, name: filename, storage_session_id: session, kind: 'user' }
    })
  }

  it('runs each language with arguments, in /mnt/data', async () => {
    const py = await exec({
      lang: 'py',
      code: 'import os, sys\nprint(os.getcwd(), sys.argv[1])',
      args: ['a b'],
    })
    expect(py).toMatchObject({
      stdout: '/workspace a b\n',
      stderr: '',
      code: 0,
      signal: null,
      files: [],
    })
    const script = 'cd /mnt/data && python3 - "$1" <<PY\nimport sys; print(sys.argv[1])\nPY'
    expect(await exec({ lang: 'bash', code: script, args: ['x'] })).toMatchObject({ stdout: 'x\n' })
    const js = await exec({ lang: 'js', code: 'console.log(process.argv[2])', args: ['y'] })
    expect(js).toMatchObject({ stdout: 'y\n' })
  })

  it('gives a program the files of sessions, and stores those that it writes', async () => {
    const [sales] = await upload({ 'sales.csv': 'day,sale\nmon,3\n' }, { kind: 'user', id: 'u' })
    const [skill] = await upload({ 'skill/a.md': 'text' }, { kind: 'skill', read_only: 'true' })
    const code = `
import pathlib
data = pathlib.Path('/mnt/data')
print((data / 'sales.csv').read_text(), (data / 'skill/a.md').read_text())
(data / 'sales.csv').write_text('day,sale\\ntue,4\\n')
(data / 'skill/a.md').write_text('changed')
(data / 'new').mkdir()
(data / 'new/note.txt').write_text('new')
`
    const { session_id, stdout, files } = await exec({ lang: 'py', code, files: [sales, skill] })
    expect(stdout).toBe('day,sale\nmon,3\n text\n')
    const byName = Object.fromEntries(files.map((file) => [file.name, file]))
    expect(Object.keys(byName).sort()).toEqual(['new/note.txt', 'sales.csv'])
    const changed = byName['sales.csv']
    expect(changed?.modified_from).toEqual({ id: sales?.id, session_id: sales?.storage_session_id })

    const again = await exec({ lang: 'py', code: 'print(open("sales.csv").read())', files })
    expect(again).toMatchObject({ stdout: 'day,sale\ntue,4\n\n', files: [] })
    const download = await send('GET', `/download/${session_id}/${changed?.id}?kind=user&id=u`)
    expect(await download.text()).toBe('day,sale\ntue,4\n')
    expect(download.headers.get('content-disposition')).toBe('attachment; filename=sales.csv')

    const list = await (await send('GET', `/files/${session_id}?detail=full`)).json()
    expect(list).toContainEqual(
      expect.objectContaining({
        id: changed?.id,
        name: `${session_id}/${changed?.id}`,
        size: 15,
        metadata: { 'original-filename': 'sales.csv', 'content-type': 'text/csv' },
      }),
    )
    const about = `/sessions/${session_id}/objects/${changed?.id}`
    expect(await (await send('GET', about)).json()).toMatchObject({
      lastModified: expect.stringMatching(/^\d{4}-.*Z$/),
      originalFilename: 'sales.csv',
    })
    expect((await send('DELETE', `/files/${session_id}/${changed?.id}`)).status).toBe(200)
    expect((await send('DELETE', about)).status).toBe(404)
    expect((await send('GET', about)).status).toBe(404)
    expect((await post({ lang: 'py', code: '', files })).status).toBe(403)
  })

  it('never gives a caller the files of another one', async () => {
    const [secret] = await upload({ 'secret.txt': 'of ada' })
    const { id = '', storage_session_id: session = '' } = secret ?? {}
    const routes = [
      ['GET', `/files/${session}`],
      ['GET', `/download/${session}/${id}`],
      ['GET', `/sessions/${session}/objects/${id}`],
      ['DELETE', `/sessions/${session}/objects/${id}`],
      ['DELETE', `/files/${session}/${id}`],
    ] as const
    const read = { lang: 'py', code: 'print(open("secret.txt").read())', files: [secret] }
    for (const [method, path] of routes) {
      expect((await send(method, path, undefined, 'key-of-bob')).status, path).toBe(404)
      expect((await send(method, path, undefined, 'unknown')).status, path).toBe(401)
    }
    const refused = await post(read, 'key-of-bob')
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { error: 'Unauthorized file reference' },
    ])
    expect((await post(read, '')).status).toBe(401)
    expect(await exec(read)).toMatchObject({ stdout: 'of ada\n' })
  })

  it('tells a model why a program failed', async () => {
    const thrown = await exec({ lang: 'py', code: 'open("left.txt", "w")\nraise ValueError("no")' })
    expect(thrown).toMatchObject({ code: 1, stderr: expect.stringContaining('ValueError: no') })
    expect(thrown.files).toMatchObject([{ name: 'left.txt' }])
    const endless = await exec({ lang: 'py', code: 'while True: pass', timeout: 300 })
    expect(endless).toMatchObject({
      code: null,
      signal: 'SIGKILL',
      stderr: '\n[Time limit exceeded]',
    })
    const hungry = await exec({ lang: 'py', code: 'bytearray(2**31 - 1)' })
    expect(hungry.stderr).toContain('[Out of memory]')
    const many = 'for i in range(120): open(f"{i}.txt", "w")'
    expect(await exec({ lang: 'py', code: many })).toMatchObject({
      stderr: '\n[20 files were not kept: they are too large or too many]',
    })
    const locked = 'import os\nprint("out")\nos.chmod(os.getcwd(), 0)'
    expect(await exec({ lang: 'py', code: locked })).toMatchObject({
      stdout: 'out\n',
      stderr: '\n[The files of the program cannot be read]',
    })
  })

  it('refuses a bad request, and does not quote it', async () => {
    const secret = 'a-secret-of-the-program'
    const file = { id: secret, name: 'a', storage_session_id: secret }
    const [a, b] = await upload({ a: '1', b: '2' })
    for (const [body, status, error] of [
      [[], 400, 'code is required'],
      [{ lang: 'py', code: [secret] }, 400, 'code must be a string'],
      [{ lang: secret, code: '' }, 400, 'lang is not supported'],
      [{ lang: 'py', code: '', args: [secret + '\0'] }, 400, 'args[0] is no argument'],
      [{ lang: 'py', code: '', args: [secret + '\ud800'] }, 400, 'args[0] is no argument'],
      [{ lang: 'py', code: '', files: [{ ...a, name: '\ud800' }] }, 400, 'files[0].name'],
      [{ lang: 'py', code: '', files: [{ ...file, name: `../${secret}` }] }, 400, 'files[0].name'],
      [{ lang: 'py', code: '', files: [file] }, 403, 'Unauthorized file reference'],
      [{ lang: 'py', code: '', files: [a, { ...b, name: 'a/b' }] }, 400, 'exclude each other'],
      [{ lang: 'py', code: '#'.repeat(9 * 1024 * 1024) }, 413, 'the body is too large'],
    ] as const) {
      const response = await post(body)
      const text = await response.text()
      expect(text).toContain(error)
      expect([response.status, Object.keys(JSON.parse(text))]).toEqual([status, ['error']])
      expect(text).not.toContain(secret)
    }
    const form = { method: 'POST', path: '/upload' }
    expect((await send(form.method, form.path, 'no form')).status).toBe(400)
    expect((await send(form.method, form.path, new FormData())).status).toBe(400)
    const large = new FormData()
    large.append('file', new Blob(['x'.repeat(27 * 1024 * 1024)]), 'large')
    expect((await send(form.method, form.path, large)).status).toBe(413)
  })

  it('refuses a client that expects its container to stay', async () => {
    const headers = { 'x-api-key': 'key-of-ada', 'x-codeapi-expected-profile': 'stateful' }
    const response = await fetchOnce(`${url}/exec`, { method: 'POST', headers, body: '{}' })
    expect([response.status, await response.json()]).toEqual([
      409,
      { error: 'execution_profile_mismatch' },
    ])
  })

  it('tells a caller with too many requests when to retry', async () => {
    const requests = Array.from({ length: 4 }, async () => post({ lang: 'py', code: '1' }))
    const responses = await Promise.all(requests)
    const refused = responses.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    for (const response of refused) {
      expect(await response.json()).toEqual({
        error: 'rate_limited',
        message: expect.any(String),
        retry_after_seconds: expect.any(Number),
      })
    }
  })
})

it.each([
  ['contents', 'x'.repeat(5000), 'a'],
  ['names', 'x', 'a'.repeat(3000)],
])(
  'drops the session that was unused for the longest time if there are too many %s',
  async (_, text, name) => {
    const app = librechat({ caller: () => 'ada', maxStoredBytes: 10_000 })
    const upload = async () => {
      const form = new FormData()
      form.append('file', new Blob([text]), name)
      const response = await app.request('/upload', { method: 'POST', body: form })
      return v.parse(Uploaded, await response.json()).storage_session_id
    }
    const [first, second] = [await upload(), await upload()]
    expect((await app.request(`/files/${first}`)).status).toBe(404)
    expect((await app.request(`/files/${second}`)).status).toBe(200)
  },
)

it('refuses an upload that the store cannot keep', async () => {
  const app = librechat({ caller: () => 'ada', maxStoredBytes: 10_000 })
  const form = new FormData()
  form.append('file', new Blob(['x'.repeat(10_000)]), 'a')
  const response = await app.request('/upload', { method: 'POST', body: form })
  expect([response.status, await response.json()]).toEqual([
    413,
    { error: 'File size limit exceeded' },
  ])
})

it('holds a file once in memory, for any number of clients that do not read it', async () => {
  const app = librechat({ caller: () => 'ada' })
  const form = new FormData()
  form.append('file', new Blob([Buffer.alloc(20_000_000)]), 'large')
  const uploaded = await app.request('/upload', { method: 'POST', body: form })
  const { storage_session_id, files } = v.parse(Uploaded, await uploaded.json())
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const address = `${urlOf(server)}/download/${storage_session_id}/${files[0]?.fileId}`
  const before = process.memoryUsage().arrayBuffers
  const requests = Array.from({ length: 20 }, () => get(address, { agent: false }))
  await Promise.all(requests.map((request) => once(request, 'response')))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  for (const request of requests) request.destroy()
  server.close()
})
