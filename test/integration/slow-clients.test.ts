import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { SandboxEnv } from '../../middleware/index.js'
import {
  errorResponse,
  receiveFiles,
  sandbox,
  sendFile,
  streamSandbox,
} from '../../middleware/index.js'
import type { ExecResult } from '../../src/index.js'
import { SandboxError, SandboxPool } from '../../src/index.js'
import { endOfLease, hangUp, listen, open } from '../helpers/app.js'
import { until } from '../helpers/until.js'

/** More than the buffers of a connection hold. */
const LARGE_BYTES = 32 * 1024 * 1024
const large = 'x'.repeat(LARGE_BYTES)

let pool: SandboxPool

beforeAll(async () => {
  const python = { size: 2, max: 6 }
  pool = new SandboxPool({ runtime: 'runc', languages: { python }, workspaceSize: '64m' })
  expect((await pool.start()).python?.errors).toEqual([])
})
afterAll(() => pool.close())

function appOf(limits: { stallTimeoutMs?: number; drainTimeoutMs?: number }) {
  const app = new Hono<SandboxEnv>()
  app.onError((error, c) =>
    error instanceof SandboxError ? errorResponse(c, error) : c.text('', 500),
  )
  return app.use(sandbox({ pool, ...limits }))
}

/** Opens a connection that sends a text and does not read. */
async function connectUnread(url: string, text: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  onTestFinished(() => void socket.destroy())
  return socket
}

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

describe('a client that pipelines requests', () => {
  it('a disconnect ends the leases of all pipelined requests', async () => {
    const app = appOf({})
    app.get('/slow', async (c) => c.json(await c.get('sandbox').exec('sleep 60')))
    app.get('/quick', async (c) => c.json(await c.get('sandbox').exec('true')))
    const url = await listen(app)
    const socket = await connectUnread(url, ask('/slow') + ask('/quick').repeat(4))
    await until('all five requests have a lease', () => pool.stats().python?.leased === 5)
    socket.destroy()
    await until('no lease is held', () => pool.stats().python?.leased === 0, 5000)
  })
})

describe('a client that does not read', () => {
  it('an unread complete response ends its lease after stallTimeoutMs', async () => {
    const app = appOf({ stallTimeoutMs: 300 })
    app.get('/', async (c) => {
      await c.get('sandbox').exec('true')
      return c.text(large)
    })
    const end = endOfLease(pool)
    await connectUnread(await listen(app), ask('/'))
    expect(await end()).toEqual({ how: 'aborted', released: 'recreated' })
  })

  it('an unread file response ends its lease after stallTimeoutMs', async () => {
    const app = appOf({ stallTimeoutMs: 300 })
    app.get('/', async (c) => {
      await c.get('sandbox').exec(`truncate -s ${LARGE_BYTES} file`)
      return sendFile(c, 'file')
    })
    const end = endOfLease(pool)
    const socket = await connectUnread(await listen(app), ask('/'))
    expect((await end()).how).toBe('aborted')
    let received = 0
    socket.on('data', (bytes: Buffer) => (received += bytes.length))
    await once(socket, 'close')
    expect(received).toBeLessThan(LARGE_BYTES)
  })

  it('an unread response keeps its lease while a program runs', async () => {
    const app = appOf({ stallTimeoutMs: 300 })
    let result: ExecResult | undefined
    app.get('/', (c) =>
      stream(c, async (body) => {
        void body.write(large)
        result = await c.get('sandbox').exec('sleep 1.5; echo done')
      }),
    )
    const end = endOfLease(pool)
    await connectUnread(await listen(app), ask('/'))
    expect((await end()).how).toBe('aborted')
    expect(result).toMatchObject({ stdout: 'done\n', exitCode: 0 })
  })
})

describe('a client that reads slowly', () => {
  async function read(url: string): Promise<number> {
    const response = await open(url)
    let received = 0
    for await (const bytes of response) {
      received += bytes.length
      if (received % (1024 * 1024) < 64 * 1024)
        await new Promise((resolve) => setTimeout(resolve, 60))
    }
    return received
  }

  it('a slow reader receives a whole stream', async () => {
    const app = appOf({ stallTimeoutMs: 500 })
    app.get('/', (c) =>
      streamSandbox(c, c.get('sandbox').exec(`head -c ${LARGE_BYTES / 2} /dev/zero | tr '\\0' x`)),
    )
    const end = endOfLease(pool)
    expect(await read(await listen(app))).toBeGreaterThan(LARGE_BYTES / 2)
    expect((await end()).how).toBe('released')
  })

  it('a slow reader holds a sandbox for at most drainTimeoutMs after the last call', async () => {
    const app = appOf({ drainTimeoutMs: 500 })
    app.get('/', async (c) => {
      await c.get('sandbox').exec('true')
      return c.text(large)
    })
    const end = endOfLease(pool)
    const reading = read(await listen(app))
    expect((await end()).how).toBe('aborted')
    expect(await reading).toBe(LARGE_BYTES)
  })
})

describe('an upload', () => {
  const upload = async (options: { stallTimeoutMs: number }, nextPiece: () => string) => {
    const app = appOf({})
    app.post('/', async (c) => c.json(await receiveFiles(c, { path: 'file', ...options })))
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n'
    const socket = await connectUnread(await listen(app), head)
    const sending = setInterval(() => socket.write(nextPiece()), 20)
    onTestFinished(() => clearInterval(sending))
    const [answer] = await once(socket, 'data')
    return String(answer)
  }

  it.each([
    ['stops', () => ''],
    ['sends single bytes', () => 'x'],
  ])('an upload that %s is answered with 408', async (_, nextPiece) => {
    const answer = await upload({ stallTimeoutMs: 400 }, nextPiece)
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('SANDBOX_UPLOAD_TIMEOUT')
    await until('no lease is held', () => pool.stats().python?.leased === 0)
  })

  it('a slow and steady upload succeeds', async () => {
    // Further bytes would be the next request, and an invalid one.
    let pieces = 50
    const nextPiece = () => (pieces-- > 0 ? 'x'.repeat(20_000) : '')
    const answer = await upload({ stallTimeoutMs: 400 }, nextPiece)
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('a disconnect during a run in a context', () => {
  it('a disconnect interrupts the run, and the context keeps its variables', async () => {
    const held = await pool.acquire('python')
    const context = await held.createCodeContext()
    await held.runCode('kept = 7', { context })
    const app = new Hono().get('/', (c) =>
      streamSandbox(
        c,
        held.runCode('print("on")\nwhile True: pass', { context, timeoutMs: 60_000 }),
      ),
    )
    await hangUp(await listen(app))
    const { text } = await held.runCode('kept', { context })
    expect(text).toBe('7')
    held.release()
  })
})
