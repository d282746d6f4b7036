import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { ExecHandle, Sandbox } from '../../src/index.js'
import type { SandboxEnv } from '../../middleware/index.js'
import { streamSandbox } from '../../middleware/index.js'
import { listen, open } from '../helpers/app.js'
import { leaseOfTest, usePool } from '../helpers/engine.js'
import { BodyReader, eventsIn, textOf } from '../helpers/events.js'
import { until } from '../helpers/until.js'

const pool = usePool({ runtime: 'runc', languages: { python: { size: 1, max: 2 } } })
const NDJSON = { accept: 'application/x-ndjson' }
const MIB = 1024 * 1024

/** Returns a program that writes `blocks` blocks, or endless ones for -1, and their count to a file. */
const writer = (blocks: number) => `
import os
block, written = b'0123456789abcde\\n' * 4096, 0
count = os.open('count', os.O_CREAT | os.O_WRONLY)
while written != ${blocks}:
    at = 0
    while at < len(block): at += os.write(1, block[at:])
    written += 1
    os.pwrite(count, b'%d' % written, 0)
`
const BLOCK_BYTES = 65_536

/** Waits until the program stops writing. Returns the number of bytes that it has written. */
async function stalledAt(held: Sandbox): Promise<number> {
  let [last, same] = [0, 0]
  await until('the program stops writing', async () => {
    const blocks = Number(await held.readFile('count', { format: 'text' }).catch(() => '0'))
    same = blocks === last && blocks > 0 ? same + 1 : 0
    last = blocks
    return same >= 15
  })
  return last * BLOCK_BYTES
}

describe('a reader that stops reading', () => {
  it('an unread stream stops its program and blocks no other call', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const app = new Hono().get('/run', (c) => streamSandbox(c, held.runCode(writer(-1))))
    const reader = new BodyReader(await app.request('/run', { headers: NDJSON }))
    await reader.more()
    // The bytes are in the credit of the stream, the buffer of the host and the pipe.
    expect(await stalledAt(held)).toBeLessThan(MIB)
    expect(await held.exec('echo beside')).toMatchObject({ stdout: 'beside\n' })
    await reader.cancel()
    expect(await held.exec('echo after')).toMatchObject({ stdout: 'after\n' })
  })

  it('an unread stream on a socket stops its program, which can be killed', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const handles: ExecHandle[] = []
    const app = new Hono<SandboxEnv>().get('/run', (c) => {
      const handle = held.runCode(writer(-1))
      handles.push(handle)
      return streamSandbox(c, handle, { heartbeatMs: 10 })
    })
    const response = await open(`${await listen(app)}/run`, NDJSON)
    // The kernel buffers of the connection count too.
    expect(await stalledAt(held)).toBeLessThan(24 * MIB)
    handles[0]?.kill()
    expect(await handles[0]).toMatchObject({ killedBy: 'abort', exitCode: null })
    response.destroy()
  })

  it('a reader that continues later receives all output', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const blocks = 500
    const app = new Hono<SandboxEnv>()
    app.get('/run', (c) => streamSandbox(c, held.runCode(writer(blocks))))
    const response = await open(`${await listen(app)}/run`, NDJSON)
    expect(await stalledAt(held)).toBeLessThan(blocks * BLOCK_BYTES)
    let body = ''
    for await (const piece of response.setEncoding('utf8')) body += piece
    const events = eventsIn(body)
    expect(textOf(events, 'stdout') === '0123456789abcde\n'.repeat(4096 * blocks)).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'exit', exitCode: 0, truncated: false })
  })
})
