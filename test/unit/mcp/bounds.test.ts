import { Hono } from 'hono'
import type { McpOptions } from 'hono-sandbox/mcp'
import { mcp } from 'hono-sandbox/mcp'
import type { TestPool } from 'hono-sandbox/testing'
import { results } from 'hono-sandbox/testing'
import { expect, it, vi } from 'vitest'
import { connect, serveMcp, startSession, textOf } from '../../helpers/mcp.js'
import { poolOfTest } from '../fakes/test-pool.js'

const clientOf = async (pool: TestPool, options: McpOptions = {}) =>
  connect(await serveMcp(new Hono().route('/mcp', mcp({ pool, ...options }))))

const python = (code: string) => ({ name: 'run_code', arguments: { code, language: 'python' } })

it('a long output keeps its beginning and its end, with a note', async () => {
  const pool = poolOfTest()
  const long = `begin${'x'.repeat(500)}end`
  pool.onCode('long', [
    results.stdout(long),
    results.stderr(long),
    results.display({ html: long }),
    results.text(long),
    results.error({ name: 'Long', message: long }),
  ])
  const client = await clientOf(pool, { maxTextLength: 100 })
  const result = await client.callTool(python('long'))
  const cut = expect.stringMatching(
    /^begin.*\n\[\.\.\. 408 characters were left out \.\.\.\]\n.*end$/,
  )
  expect(result.structuredContent).toMatchObject({
    stdout: cut,
    text: cut,
    truncated: true,
    error: { message: cut },
    results: [{ text: cut }],
  })
  expect(JSON.stringify(result).length).toBeLessThan(3000)
})

it('images beyond the limit are left out', async () => {
  const pool = poolOfTest()
  const image = (size: number) => results.png(Buffer.alloc(size, 1))
  pool.onCode('plots', [
    image(60),
    image(60),
    image(30),
    results.files({ 'a.png': 'x'.repeat(20) }),
  ])
  const client = await clientOf(pool, { maxBinaryBytes: 100 })
  const { content } = await client.callTool(python('plots'))
  const sizes = content.flatMap((block) =>
    block.type === 'image' ? [Buffer.from(block.data, 'base64').length] : [],
  )
  expect(sizes).toEqual([60, 30])
  expect(textOf({ content })).toContain('2 images were left out')
})

it('a result names the last 20 files', async () => {
  const pool = poolOfTest()
  const names = Array.from({ length: 25 }, (_, index) => [`${index}.txt`, 'x'])
  pool.onCode('many', results.files(Object.fromEntries(names)))
  const { structuredContent } = await (await clientOf(pool)).callTool(python('many'))
  expect(structuredContent).toMatchObject({ omittedFiles: 5 })
})

it('a long text is read in parts, without a broken character', async () => {
  const client = await clientOf(poolOfTest(), { maxTextLength: 10 })
  const session = await startSession(client)
  const content = 'ünïcödé 😀 text'
  await client.callTool({ name: 'write_file', arguments: { session, path: 'a.txt', content } })
  const texts: string[] = []
  for (let offset: unknown = 0; offset !== undefined;) {
    const args = { session, path: 'a.txt', offset }
    const { structuredContent } = await client.callTool({ name: 'read_file', arguments: args })
    expect(structuredContent).toMatchObject({ size: Buffer.byteLength(content) })
    texts.push(String(Object(structuredContent).text))
    offset = Object(structuredContent).nextOffset
  }
  expect(texts.join('')).toBe(content)
  expect(texts.length).toBeGreaterThan(2)
})

it('a binary file or a resource beyond the limit is refused with advice', async () => {
  const client = await clientOf(poolOfTest(), { maxBinaryBytes: 10 })
  const session = await startSession(client)
  const write = (path: string, content: string) =>
    client.callTool({ name: 'write_file', arguments: { session, path, content } })
  await write('a.bin', '\0'.repeat(11))
  await write('a.txt', 'x'.repeat(11))
  const args = { session, path: 'a.bin' }
  const { isError, content } = await client.callTool({ name: 'read_file', arguments: args })
  expect(isError).toBe(true)
  expect(textOf({ content })).toMatch(/the file has 11 bytes, expected at most 10\. Read it with/)
  for (const path of ['a.bin', 'a.txt']) {
    const read = client.readResource({ uri: `sandbox://${session}/${path}` })
    await expect(read).rejects.toThrow('expected at most 10')
  }
})

it('a folder with many entries is listed in part', async () => {
  const pool = poolOfTest({ workspaceSize: '64m' })
  const names = Array.from({ length: 501 }, (_, index) => [`${index}.txt`, 'x'])
  pool.onExec('make', results.files(Object.fromEntries(names)))
  const client = await clientOf(pool)
  const session = await startSession(client)
  await client.callTool({ name: 'exec', arguments: { session, command: 'make' } })
  const listed = await client.callTool({ name: 'list_files', arguments: { session } })
  expect(listed.structuredContent).toMatchObject({ omitted: 1 })
  expect(textOf(listed)).toMatch(/\n1 more entries$/)
})

it('a busy pool is an error that says when to retry', async () => {
  const pool = poolOfTest({ languages: { python: { size: 1, max: 1 } }, maxWaiting: 0 })
  await pool.start()
  const lease = await pool.acquire('python')
  const { isError, content } = await (await clientOf(pool)).callTool(python('1'))
  lease.release()
  expect(isError).toBe(true)
  expect(textOf({ content })).toMatch(/^SANDBOX_QUEUE_FULL: .*\nRetry in \d+ s\.$/)
})

it('a program has the time limit of the call, and no call a greater one than the server', async () => {
  const pool = poolOfTest()
  pool.onCode('forever', results.running())
  const client = await clientOf(pool, { maxTimeoutMs: 500 })
  const run = (timeoutMs: number) =>
    client.callTool({
      name: 'run_code',
      arguments: { code: 'forever', language: 'python', timeoutMs },
    })
  expect(textOf(await run(501))).toContain('timeoutMs: expected 500 ms or less')
  expect(pool.runs).toEqual([])
  expect(textOf(await run(20))).toMatch(/^\[killed: timeout\] .*greater timeoutMs/)
})

it('an error of the operator has no internals for the model, and reaches the logger', async () => {
  const pool = poolOfTest()
  pool.on('launchFailed', () => {})
  pool.failLaunches('SANDBOX_IMAGE_MISSING')
  await pool.start()
  const warn = vi.fn()
  const client = await clientOf(pool, { logger: { warn }, acquireTimeoutMs: 50 })
  const { content } = await client.callTool(python('1'))
  expect(textOf({ content })).toMatch(/^SANDBOX_IMAGE_MISSING: no sandbox can be started/)
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^SANDBOX_IMAGE_MISSING: /))
})

it('an error of other code has no detail for the model, and reaches onError', async () => {
  const pool = poolOfTest()
  const failure = new Error('postgres://user:password@db')
  pool.onCode('broken', () => {
    throw failure
  })
  const onError = vi.fn()
  const { isError, content } = await (await clientOf(pool, { onError })).callTool(python('broken'))
  expect(isError).toBe(true)
  expect(textOf({ content })).toBe('The server failed. Do not repeat the same call.')
  expect(onError).toHaveBeenCalledExactlyOnceWith(failure)
})
