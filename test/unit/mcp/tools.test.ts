import { Hono } from 'hono'
import { mcp } from 'hono-sandbox/mcp'
import type { TestPool } from 'hono-sandbox/testing'
import { results } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { connect, REVISIONS, serveMcp, startSession, textOf } from '../../helpers/mcp.js'
import { poolOfTest } from '../fakes/test-pool.js'

/** A PNG of one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
)

const clientOf = async (pool: TestPool, revision: (typeof REVISIONS)[number] = '2026-07-28') =>
  connect(await serveMcp(new Hono().route('/mcp', mcp({ pool }))), { revision })

describe.each(REVISIONS)('the tools with a client of the revision %s', (revision) => {
  it('have schemas, annotations, and the languages of the pool', async () => {
    const pool = poolOfTest({ languages: { python: {}, 'python-data': { base: 'python' } } })
    const client = await clientOf(pool, revision)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(
      'run_code exec read_file write_file list_files start_session end_session'.split(' '),
    )
    for (const { description, inputSchema, outputSchema, annotations } of tools) {
      expect(description).toBeTruthy()
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false })
      expect(outputSchema).toMatchObject({ type: 'object' })
      expect(annotations).toHaveProperty('readOnlyHint')
    }
    expect(tools[0]?.inputSchema.properties?.['language']).toMatchObject({
      enum: ['python', 'python-data'],
    })
    expect(client.getInstructions()).toContain('start_session')
    expect((await client.listResourceTemplates()).resourceTemplates[0]?.uriTemplate).toBe(
      'sandbox://{session}/{+path}',
    )
  })

  it('run code in a container of its own', async () => {
    const pool = poolOfTest()
    pool.onCode('plot()', [
      results.stdout('drawn\n'),
      results.stderr('a warning\n'),
      results.display({ markdown: '**done**', html: '<b>done</b>' }),
      results.png(PNG),
      results.files({ 'out/dot.png': PNG, '.cache/x': 'x' }),
      results.text('42'),
    ])
    const client = await clientOf(pool, revision)
    const result = await client.callTool({
      name: 'run_code',
      arguments: { code: 'plot()', language: 'python' },
    })
    const image = { type: 'image', mimeType: 'image/png', data: PNG.toString('base64') }
    expect(result.content).toEqual([
      {
        type: 'text',
        text: [
          'drawn\n[stderr]\na warning\n**done**\n[value]\n42',
          `[files]\nout/dot.png (${PNG.length} bytes)`,
          'The files are gone with the container. A session keeps its files.',
        ].join('\n'),
      },
      image,
      image,
    ])
    expect(result.structuredContent).toMatchObject({
      exitCode: 0,
      stdout: 'drawn\n',
      stderr: 'a warning\n',
      text: '42',
      truncated: false,
      results: [{ mimeType: 'text/markdown', text: '**done**' }, { mimeType: 'image/png' }],
    })
    expect(pool.listSessions()).toEqual([])
  })

  it('keep a session, link its files and read them', async () => {
    const pool = poolOfTest()
    pool.onCode('write()', results.files({ 'a b/ü.csv': 'x,y', 'raw.bin': Buffer.from([0, 255]) }))
    pool.onExec('ls', (_command, { files }) => results.stdout([...files.keys()].join(' ')))
    const client = await clientOf(pool, revision)
    const session = await startSession(client)
    const call = (name: string, args: Record<string, unknown>) =>
      client.callTool({ name, arguments: { session, ...args } })

    const wrote = await call('write_file', { path: 'in/old.txt', content: 'hé' })
    expect(wrote.structuredContent).toEqual({ path: 'in/old.txt', size: 3 })
    const ran = await call('run_code', { code: 'write()', language: 'python' })
    const links = ran.content.flatMap((block) => (block.type === 'resource_link' ? [block] : []))
    const csv = links.find(({ mimeType }) => mimeType === 'text/csv')
    expect(links).toHaveLength(2)
    expect(csv).toMatchObject({ name: 'a b/ü.csv', size: 3 })
    expect((await client.readResource({ uri: csv?.uri ?? '' })).contents).toEqual([
      { uri: csv?.uri, mimeType: 'text/csv', text: 'x,y' },
    ])
    const raw = links.find(({ name }) => name === 'raw.bin')?.uri ?? ''
    expect((await client.readResource({ uri: raw })).contents).toEqual([
      { uri: raw, mimeType: 'application/octet-stream', blob: 'AP8=' },
    ])
    expect(textOf(await call('exec', { command: 'ls' }))).toContain('in/old.txt')
    expect(pool.runs[0]?.context).toBeDefined()
    expect((await call('read_file', { path: 'in/old.txt' })).structuredContent).toEqual({
      path: 'in/old.txt',
      size: 3,
      mimeType: 'text/plain',
      text: 'hé',
    })
    expect((await call('read_file', { path: 'raw.bin' })).content).toMatchObject([
      { type: 'resource', resource: { uri: raw, blob: 'AP8=' } },
    ])
    expect(textOf(await call('list_files', { recursive: true }))).toContain('in/old.txt (3 bytes)')
    expect((await call('end_session', {})).structuredContent).toEqual({ ended: true })
    expect((await call('end_session', {})).structuredContent).toEqual({ ended: false })
    expect(pool.listSessions()).toEqual([])
  })

  it('describe a program that fails, which is no error of the tool', async () => {
    const pool = poolOfTest()
    pool.onCode('1 / 0', results.error({ name: 'ZeroDivisionError', message: 'division by zero' }))
    pool.onCode('big', [results.stdout('begun'), results.killed('oom')])
    const client = await clientOf(pool, revision)
    const run = (code: string) =>
      client.callTool({ name: 'run_code', arguments: { code, language: 'python' } })
    const failed = await run('1 / 0')
    expect(failed.isError).toBeFalsy()
    expect(textOf(failed)).toBe('[stderr]\nZeroDivisionError: division by zero\n[exit code 1]')
    expect(failed.structuredContent).toMatchObject({ error: { name: 'ZeroDivisionError' } })
    const killed = await run('big')
    expect(textOf(killed)).toMatch(/^begun\n\[killed: oom\] .*Use less memory/)
    expect(killed.structuredContent).toMatchObject({ killedBy: 'oom' })
  })
})

it('the result of a program without output says so', async () => {
  const pool = poolOfTest()
  pool.onCode('pass', [])
  const client = await clientOf(pool)
  const args = { code: 'pass', language: 'python' }
  expect(textOf(await client.callTool({ name: 'run_code', arguments: args }))).toBe(
    '[no output, exit code 0]',
  )
})

it('the result of a program that shows only a picture has no text', async () => {
  const pool = poolOfTest()
  pool.onCode('plot()', results.png(PNG))
  const client = await clientOf(pool)
  const args = { code: 'plot()', language: 'python' }
  const { content } = await client.callTool({ name: 'run_code', arguments: args })
  expect(content).toEqual([{ type: 'image', mimeType: 'image/png', data: PNG.toString('base64') }])
})

it('write_file writes base64, and refuses what is none', async () => {
  const client = await clientOf(poolOfTest())
  const session = await startSession(client)
  const write = (content: string) =>
    client.callTool({
      name: 'write_file',
      arguments: { session, path: 'dot.png', content, encoding: 'base64' },
    })
  expect(textOf(await write('%%%'))).toContain('content is not valid base64')
  await write(PNG.toString('base64'))
  const read = await client.callTool({ name: 'read_file', arguments: { session, path: 'dot.png' } })
  expect(read.content).toEqual([
    { type: 'image', mimeType: 'image/png', data: PNG.toString('base64') },
  ])
})
