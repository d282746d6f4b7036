import type { Client } from '@modelcontextprotocol/client'
import { Hono } from 'hono'
import { defineLanguage } from 'hono-sandbox'
import type { McpOptions } from 'hono-sandbox/mcp'
import { mcp } from 'hono-sandbox/mcp'
import type { TestPool } from 'hono-sandbox/testing'
import { results } from 'hono-sandbox/testing'
import { expect, it, vi } from 'vitest'
import { connect, REVISIONS, serveMcp, startSession, textOf } from '../../helpers/mcp.js'
import { poolOfTest } from '../fakes/test-pool.js'

/** Serves a pool to callers that are known by a header, as after an authentication. */
const serve = async (pool: TestPool, options: McpOptions = {}) =>
  serveMcp(
    new Hono().route('/mcp', mcp({ pool, tenant: (c) => c.req.header('x-user'), ...options })),
  )

/** All calls that take a session. */
const CALLS = [
  { name: 'run_code', arguments: { code: '1', language: 'python' } },
  { name: 'exec', arguments: { command: 'ls' } },
  { name: 'read_file', arguments: { path: 'secret.txt' } },
  { name: 'write_file', arguments: { path: 'secret.txt', content: 'x' } },
  { name: 'list_files', arguments: {} },
]

const tryAll = async (client: Client, session: string) =>
  Promise.all(
    CALLS.map(async ({ name, arguments: args }) => {
      const result = await client.callTool({ name, arguments: { ...args, session } })
      return result.isError ? textOf(result) : `${name} found the session`
    }),
  )

const UNKNOWN = /^SANDBOX_UNKNOWN_SESSION: there is no session .*\nStart another session/

it.each(REVISIONS)('the sessions of two callers never cross (%s)', async (revision) => {
  const pool = poolOfTest()
  const url = await serve(pool)
  const [ada, bob, nobody] = await Promise.all([
    connect(url, { revision, user: 'ada' }),
    connect(url, { revision, user: 'bob' }),
    connect(url, { revision }),
  ])
  const session = await startSession(ada)
  await ada.callTool({
    name: 'write_file',
    arguments: { session, path: 'secret.txt', content: 'of Ada' },
  })
  for (const other of [bob, nobody]) {
    for (const answer of await tryAll(other, session)) expect(answer).toMatch(UNKNOWN)
    const uri = `sandbox://${session}/secret.txt`
    await expect(other.readResource({ uri })).rejects.toThrow('SANDBOX_UNKNOWN_SESSION')
    const ended = await other.callTool({ name: 'end_session', arguments: { session } })
    expect(ended.structuredContent).toEqual({ ended: false })
  }
  const read = await ada.callTool({
    name: 'read_file',
    arguments: { session, path: 'secret.txt' },
  })
  expect(textOf(read)).toBe('of Ada')
  expect(pool.runs).toEqual([])
})

it('a caller cannot name a session of the app', async () => {
  const pool = poolOfTest()
  await (await pool.session('python', 'user-42')).writeFile('secret.txt', 'of the app')
  const client = await connect(await serve(pool))
  for (const id of ['user-42', 'mcp:user-42', '', '../user-42']) {
    for (const answer of await tryAll(client, id)) expect(answer).toMatch(UNKNOWN)
  }
  expect(pool.listSessions()).toHaveLength(1)
})

it('the ids of sessions are random', async () => {
  const client = await connect(await serve(poolOfTest({ maxSessionsPerTenant: 3 })))
  const ids = [await startSession(client), await startSession(client)]
  expect(new Set(ids).size).toBe(2)
  // 18 random bytes.
  for (const id of ids) expect(id).toMatch(/^[\w-]{24}$/)
})

it('a session that has ended is not opened again', async () => {
  const pool = poolOfTest()
  const client = await connect(await serve(pool))
  const session = await startSession(client)
  pool.crash()
  await vi.waitFor(() => expect(pool.listSessions()).toEqual([]))
  for (const answer of await tryAll(client, session)) expect(answer).toMatch(UNKNOWN)
  expect(pool.listSessions()).toEqual([])
})

it('a call that waits while its session ends does not get another session', async () => {
  let finish = () => {}
  const held = new Promise<void>((resolve) => (finish = resolve))
  const onSessionEnd = vi.fn(async () => held)
  const pool = poolOfTest({ onSessionEnd })
  const client = await connect(await serve(pool))
  const session = await startSession(client)
  const visits = vi.spyOn(pool, 'session')
  const ended = client.callTool({ name: 'end_session', arguments: { session } })
  await vi.waitFor(() => expect(onSessionEnd).toHaveBeenCalledOnce())
  const waiting = tryAll(client, session)
  await vi.waitFor(() => expect(visits).toHaveBeenCalledTimes(CALLS.length))
  finish()
  expect((await ended).structuredContent).toEqual({ ended: true })
  for (const answer of await waiting) expect(answer).toMatch(UNKNOWN)
  expect(pool.listSessions()).toEqual([])
})

it('run_code refuses another language than that of the session', async () => {
  const client = await connect(await serve(poolOfTest()))
  const session = await startSession(client, 'nodejs')
  const result = await client.callTool({
    name: 'run_code',
    arguments: { code: '1', language: 'python', session },
  })
  expect(result.isError).toBe(true)
  expect(textOf(result)).toContain('the session runs nodejs')
})

it('a session of a defined language has no context', async () => {
  const shell = defineLanguage({
    name: 'shell',
    image: 'any',
    agent: 'python',
    file: 'main.sh',
    run: ['sh', 'main.sh'],
  })
  const pool = poolOfTest({ languages: { shell } })
  pool.onCode('echo hi', results.stdout('hi\n'))
  const client = await connect(await serve(pool))
  const session = await startSession(client, 'shell')
  const result = await client.callTool({
    name: 'run_code',
    arguments: { code: 'echo hi', language: 'shell', session },
  })
  expect(result.structuredContent).toMatchObject({ stdout: 'hi\n' })
})

it('a caller with too many sessions learns what to do', async () => {
  const pool = poolOfTest({ maxSessionsPerTenant: 1 })
  const client = await connect(await serve(pool), { user: 'ada' })
  await startSession(client)
  const result = await client.callTool({
    name: 'start_session',
    arguments: { language: 'python' },
  })
  expect(result.isError).toBe(true)
  expect(textOf(result)).toMatch(/^SANDBOX_TENANT_LIMIT: [^]*end_session\.\nRetry in \d+ s\.$/)
})
