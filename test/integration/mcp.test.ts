import type { CallToolResult, Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { Hono } from 'hono'
import { mcp } from 'hono-sandbox/mcp'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { buildInto, makeBuildFolder } from '../helpers/build.js'
import { runtimes, usePool } from '../helpers/engine.js'
import { clientOf, connect, REVISIONS, serveMcp, startSession, textOf } from '../helpers/mcp.js'
import { until, within } from '../helpers/until.js'

const PLOT = `
import csv, struct, zlib

def png(rows):
    def chunk(kind, data):
        body = kind + data
        return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))
    head = struct.pack('>IIBBBBB', len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    raw = b''.join(b'\\0' + bytes(row) for row in rows)
    return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b'')

values = [int(row['sale']) for row in table]
with open('plot.png', 'wb') as file:
    file.write(png([[255 if height > top else 0 for height in values] for top in range(9, -1, -1)]))
sum(values)`

const resultOf = (result: CallToolResult) => {
  if (result.isError) throw new Error(textOf(result))
  return v.parse(v.looseObject({ exitCode: v.nullable(v.number()) }), result.structuredContent)
}

/** The task of a model: it reads a CSV, repairs an error of its code, and returns a picture. */
async function doTask(client: Client): Promise<void> {
  const session = await startSession(client)
  const run = (code: string) =>
    client.callTool({ name: 'run_code', arguments: { code, language: 'python', session } })
  const content = 'day,sale\nmon,3\ntue,7\nwed,5\n'
  await client.callTool({
    name: 'write_file',
    arguments: { session, path: 'data/sales.csv', content },
  })
  const failed = await run("import csv\ntable = list(csv.DictReader(open('sales.csv')))")
  expect(resultOf(failed)).toMatchObject({ exitCode: 1, error: { name: 'FileNotFoundError' } })
  const listed = await client.callTool({
    name: 'list_files',
    arguments: { session, recursive: true },
  })
  expect(textOf(listed)).toContain('data/sales.csv (27 bytes)')
  const repaired = await run("table = list(csv.DictReader(open('data/sales.csv')))\nlen(table)")
  expect(resultOf(repaired)).toMatchObject({ exitCode: 0, text: '3', files: [] })

  const plotted = await run(PLOT)
  expect(resultOf(plotted)).toMatchObject({ text: '15', files: [{ path: 'plot.png' }] })
  const [image] = plotted.content.flatMap((block) => (block.type === 'image' ? [block] : []))
  const [link] = plotted.content.flatMap((block) => (block.type === 'resource_link' ? [block] : []))
  expect(link).toMatchObject({ name: 'plot.png', mimeType: 'image/png' })
  const { contents } = await client.readResource({ uri: link?.uri ?? '' })
  expect(contents).toMatchObject([{ mimeType: 'image/png', blob: image?.data }])
  expect(
    Buffer.from(image?.data ?? '', 'base64')
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')

  const typed = await client.callTool({
    name: 'exec',
    arguments: { session, command: 'wc -l < data/sales.csv && id -un' },
  })
  expect(resultOf(typed)).toMatchObject({ stdout: '4\nnobody\n', exitCode: 0 })
  const ended = await client.callTool({ name: 'end_session', arguments: { session } })
  expect(ended.structuredContent).toEqual({ ended: true })
}

describe.each(runtimes)('the MCP server over HTTP under %s', (runtime) => {
  const pool = usePool({ runtime, languages: { python: { size: 1, max: 3 } }, evictIdle: true })
  const serve = () =>
    serveMcp(
      new Hono().route(
        '/mcp',
        mcp({ pool: pool(), acquireTimeoutMs: 60_000, tenant: (c) => c.req.header('x-user') }),
      ),
    )

  it.each(REVISIONS)('a model does its task (%s)', async (revision) => {
    await doTask(await connect(await serve(), { revision }))
  })

  it('interrupts a run that the client cancels, and keeps the variables', async () => {
    const client = await connect(await serve(), { user: 'ada' })
    const session = await startSession(client)
    const run = (code: string, options = {}) =>
      client.callTool(
        { name: 'run_code', arguments: { code, language: 'python', session } },
        options,
      )
    await run('kept = 42')
    const abort = new AbortController()
    const ends: unknown[] = []
    const onEnd = ({ killedBy }: { killedBy?: unknown }) => void ends.push(killedBy)
    pool().on('programEnded', onEnd)
    onTestFinished(() => void pool().off('programEnded', onEnd))
    const seen = new Promise<string>((resolve, reject) => {
      run("import time\nprint('begun', flush=True)\ntime.sleep(60)", {
        signal: abort.signal,
        onprogress: ({ message = '' }: { message?: string }) => resolve(message),
      }).catch(reject)
    })
    expect(await within('the output arrives', seen)).toContain('begun')
    abort.abort()
    await until('the run is interrupted', () => ends.includes('abort'))
    expect(resultOf(await run('kept'))).toMatchObject({ text: '42' })
    await client.callTool({ name: 'end_session', arguments: { session } })
  })
})

describe('hono-sandbox mcp', () => {
  let folder = ''
  beforeAll(async () => {
    folder = makeBuildFolder('mcp')
    await buildInto(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(REVISIONS)('serves a client on stdin and stdout (%s)', async (revision) => {
    const client = clientOf(revision)
    const own = Object.entries(process.env).map(([name, value = '']) => [name, value] as const)
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [path.join(folder, 'dist/src/cli/main.js'), 'mcp', '--language', 'python'],
      env: { ...Object.fromEntries(own), SANDBOX_POOL_SIZE: '1' },
    })
    onTestFinished(() => client.close())
    await client.connect(transport)
    await doTask(client)
    const { pid } = transport
    await client.close()
    await until('the server exits', () => !isRunning(pid))
  })
})

function isRunning(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0)
  } catch {
    return false
  }
}
