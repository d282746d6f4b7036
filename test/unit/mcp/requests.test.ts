import { Hono } from 'hono'
import type { McpOptions } from 'hono-sandbox/mcp'
import { mcp } from 'hono-sandbox/mcp'
import { localhostHostValidation } from '@modelcontextprotocol/hono'
import { results } from 'hono-sandbox/testing'
import { expect, it } from 'vitest'
import * as v from 'valibot'
import { connect, serveMcp } from '../../helpers/mcp.js'
import { poolOfTest } from '../fakes/test-pool.js'

const SECRET = 'print("my program")'

/** What a client of the revision 2025-06-18 sends with each request. */
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-06-18',
}

const appOf = (options: McpOptions = {}) =>
  new Hono().route('/mcp', mcp({ pool: poolOfTest(), ...options }))

/** Sends a request to a server on a socket. */
async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method: 'POST',
    body: text,
    headers: { ...HEADERS, ...headers },
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const call = (name: unknown, args: unknown, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

/** Requests that are no call of a tool, and the status of the answer. */
const MALFORMED: readonly [string, unknown, number][] = [
  ['no JSON', '{"jsonrpc": "2.0", ', 400],
  ['an empty body', '', 400],
  ['no object', '7', 400],
  ['no method', { jsonrpc: '2.0', id: 1 }, 400],
  ['another version', { jsonrpc: '1.0', id: 1, method: 'tools/list' }, 400],
  ['an object as id', call('run_code', {}, {}), 400],
  ['an empty batch', [], 400],
  ['a deep body', '['.repeat(50_000), 400],
]

it.each(MALFORMED)('refuses %s', async (_name, body, status) => {
  const url = await serveMcp(appOf())
  expect(await post(url, body)).toMatchObject({ status, text: expect.stringContaining('error') })
  // The server still serves.
  expect((await post(url, call('end_session', { session: 'x' }))).status).toBe(200)
})

/** Arguments that no tool takes. */
const ARGUMENTS: readonly [string, unknown, unknown][] = [
  ['an unknown tool', 'format_disk', {}],
  ['the name of a property of objects', '__proto__', {}],
  ['a number as name', 7, {}],
  ['no arguments', 'run_code', undefined],
  ['an array of arguments', 'run_code', [SECRET]],
  ['a program that is no text', 'run_code', { code: [SECRET], language: 'python' }],
  ['an unknown language', 'run_code', { code: SECRET, language: 'cobol' }],
  ['an unknown argument', 'run_code', { code: SECRET, language: 'python', root: true }],
  ['a time limit below 0', 'run_code', { code: SECRET, language: 'python', timeoutMs: -1 }],
  ['a path with a NUL', 'read_file', { session: 'x', path: 'a\0b' }],
  ['an empty path', 'read_file', { session: 'x', path: '' }],
  ['an offset below 0', 'read_file', { session: 'x', path: 'a', offset: -1 }],
]

it.each(ARGUMENTS)('answers %s with an error that does not repeat the program', async (...row) => {
  const [, name, args] = row
  const pool = poolOfTest()
  const { status, text } = await post(await serveMcp(appOf({ pool })), call(name, args))
  expect([200, 400]).toContain(status)
  expect(text).toMatch(/"isError":true|"error":/)
  expect(text).not.toContain('my program')
  expect(pool.runs).toEqual([])
})

it('refuses a body that is too large, or no JSON by its type', async () => {
  const url = await serveMcp(appOf({ maxBodyBytes: 1000 }))
  const large = call('run_code', { code: 'x'.repeat(1000), language: 'python' })
  expect((await post(url, large)).status).toBe(413)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  expect((await post(url, call('run_code', {}), form)).status).toBe(415)
  expect((await fetch(url)).status).toBe(405)
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(405)
})

it('refuses pages of other origins, and serves those that the app names', async () => {
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  const own = await serveMcp(appOf())
  const page = { origin: 'https://example.com' }
  expect(await post(own, list, page)).toMatchObject({
    status: 403,
    text: expect.stringContaining('SANDBOX_ORIGIN_REFUSED'),
  })
  expect((await post(own, list, { origin: new URL(own).origin })).status).toBe(200)
  const named = await serveMcp(appOf({ origins: ['https://example.com'] }))
  expect((await post(named, list, page)).status).toBe(200)
})

it('works behind the check of the host of the SDK, against DNS rebinding', async () => {
  const app = new Hono()
    .use('/mcp', localhostHostValidation())
    .route('/mcp', mcp({ pool: poolOfTest() }))
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  const ask = (host: string) =>
    app.request('/mcp', { method: 'POST', body: list, headers: { ...HEADERS, host } })
  expect((await ask('localhost:3000')).status).toBe(200)
  expect((await ask('evil.example')).status).toBe(403)
})

it('refuses a stream of changes, because nothing changes', async () => {
  const client = await connect(await serveMcp(appOf()))
  await expect(client.listen({ toolsListChanged: true })).rejects.toThrow('limit reached')
})

it('answers 503 without a pool', async () => {
  const url = await serveMcp(new Hono().route('/mcp', mcp()))
  const { status, text } = await post(url, call('end_session', { session: 'x' }))
  expect({ status, body: JSON.parse(text) }).toEqual({
    status: 503,
    body: {
      error: {
        code: 'SANDBOX_NOT_INITIALIZED',
        message: 'no sandbox can be started at the moment',
      },
    },
  })
})

it('an error of the app is an error of the app', async () => {
  const app = appOf({
    tenant: () => {
      throw new Error('no such user')
    },
  })
  app.onError((error, c) => c.text(error.message, 401))
  expect(await post(await serveMcp(app), call('end_session', { session: 'x' }))).toMatchObject({
    status: 401,
    text: 'no such user',
  })
})

it('a client cannot cancel the call of another client', async () => {
  const pool = poolOfTest()
  let finish = () => {}
  const held = new Promise<void>((resolve) => (finish = resolve))
  pool.onCode('slow', async function* () {
    await held
    yield results.stdout('done')
  })
  const url = await serveMcp(appOf({ pool }))
  const client = await connect(url, { revision: 'legacy' })
  const begun = pool.nextRun()
  const slow = client.callTool({
    name: 'run_code',
    arguments: { code: 'slow', language: 'python' },
  })
  await begun
  for (const requestId of [0, 1, 2, 3, 4]) {
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }
    expect((await post(url, cancel)).status).toBe(202)
    expect((await post(url, cancel, { 'mcp-session-id': 'guess' })).status).toBe(202)
  }
  finish()
  expect((await slow).structuredContent).toMatchObject({ stdout: 'done' })
})

it('gives a client of 2025 a name once, and a later client none', async () => {
  const url = await serveMcp(appOf())
  const initialize = (id: number) => ({
    jsonrpc: '2.0',
    id,
    method: 'initialize',
    params: {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    },
  })
  const first = async () => {
    const { 'mcp-protocol-version': _version, ...headers } = HEADERS
    const body = JSON.stringify(initialize(1))
    const response = await fetch(url, { method: 'POST', body, headers })
    return response.headers.get('mcp-session-id')
  }
  const names = v.parse(v.tuple([v.string(), v.string()]), [await first(), await first()])
  expect(names[0]).not.toBe(names[1])
  const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
  const { headers } = await post(url, list, { 'mcp-session-id': names[0] })
  expect(headers.get('mcp-session-id')).toBeNull()
})

it('refuses an invalid option', () => {
  expect(() => mcp({ maxTextLength: 0 })).toThrow('mcp: maxTextLength is not valid')
  expect(() => mcp(JSON.parse('{"tenants": 1}'))).toThrow('mcp: tenants is not an option')
})
