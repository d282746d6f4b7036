import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CodeRunner, useCodeRunner } from '../helpers/code-runner.js'
import { until, within } from '../helpers/until.js'

const MIB = 1024 * 1024
const MAX_CONVERSATIONS = 100
const DEAF = {
  language: 'python',
  code: 'import time\nprint("deaf", flush=True)\ntime.sleep(600)',
  timeoutMs: 60_000,
}
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]
/** A masked binary message without data. */
const EMPTY_MESSAGE = Buffer.from([0x82, 0x80, 0, 0, 0, 0])
/** The head of a message of the greatest length. */
const LONG_MESSAGE = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0])

/** Sends the head of a request. Returns the connection and a function that returns the answer so far. */
function ask(runner: CodeRunner, path: string, ...headers: string[]) {
  const { hostname, port } = new URL(runner.url)
  const socket = connect(Number(port), hostname).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('data', (piece: Buffer) => (text += piece.toString()))
  const all = headers.some((header) => header.startsWith('Host:'))
    ? headers
    : ['Host: localhost', ...headers]
  socket.write([`GET ${path} HTTP/1.1`, ...all, '', ''].join('\r\n'))
  return { socket, text: () => text }
}

async function statusOf(...args: Parameters<typeof ask>): Promise<string> {
  const { text } = ask(...args)
  await until('the server answers', () => text() !== '')
  return text().slice(9, 12)
}

function rssBytes({ process: { child } }: CodeRunner): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

async function writeAll(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise((resolve) => socket.write(bytes, resolve))
}

describe('a connection to the code runner', () => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc' })

  it('a reset connection with an unknown upgrade does not end other connections', async () => {
    for (let count = 0; count < 5; count++) {
      const { socket, text } = ask(runner(), '/', 'Connection: Upgrade', 'Upgrade: foo')
      await until('the server answers', () => text() !== '')
      socket.resetAndDestroy()
    }
    expect(await statusOf(runner(), '/healthz')).toBe('200')
  })

  it.each(['/run', '/run/interactive', '/healthz', '/nowhere'])(
    'a request from a page of another site to %s is refused',
    async (path) => {
      const headersOfSites = [
        ['Host: evil.example'],
        ['Origin: http://evil.example'],
        ['Origin: null'],
        ['Sec-Fetch-Site: cross-site'],
      ]
      for (const headers of headersOfSites) {
        expect(await statusOf(runner(), path, ...headers)).toBe('403')
        expect(await statusOf(runner(), path, ...headers, ...UPGRADE)).toBe('403')
      }
    },
  )

  it('the server listens only on 127.0.0.1 by default', async () => {
    const { port } = new URL(runner().url)
    const elsewhere = request({ host: '127.0.0.2', port })
    const failed = new Promise<unknown>((resolve) => elsewhere.once('error', resolve).end())
    expect(await within('the connection is refused', failed)).toMatchObject({
      code: 'ECONNREFUSED',
    })
    expect(runner().process.startUp.at(-1)).toContain(`http://127.0.0.1:${port} `)
    expect(runner().process.lines).toEqual([])
  })

  it('a connection beyond the limit is refused until another one ends', async () => {
    const clients = Array.from({ length: MAX_CONVERSATIONS }, () => runner().connect())
    await Promise.all(clients.map((client) => client.send()))
    expect(await statusOf(runner(), '/run/interactive', ...UPGRADE)).toBe('503')
    for (const { socket } of clients) socket.terminate()
    await until('a connection is accepted again', async () => {
      return (await statusOf(runner(), '/run/interactive', ...UPGRADE)) === '101'
    })
  })

  it('a flood of empty messages beside unread input does not fill the memory', async () => {
    const before = rssBytes(runner())
    const { socket, text } = ask(runner(), '/run/interactive', ...UPGRADE)
    await until('the connection is open', () => text().includes('\r\n\r\n'))
    await writeAll(socket, masked(JSON.stringify(DEAF)))
    await until('the program runs', () => text().includes('deaf'))
    await writeAll(socket, masked(JSON.stringify({ type: 'stdin', data: 'x'.repeat(400 * 1024) })))
    await writeAll(socket, Buffer.concat(Array<Buffer>(1_400_000).fill(EMPTY_MESSAGE)))
    expect(rssBytes(runner()) - before).toBeLessThan(200 * MIB)
    socket.destroy()
    // The server reads the rest of the messages first. That takes two seconds of processor time.
    await until('the lease has ended', async () => (await runner().leased()) === 0, 90_000)
  }, 150_000)

  it('a connection with an incomplete message is closed, at the start and later', async () => {
    const early = ask(runner(), '/run/interactive', ...UPGRADE)
    const late = ask(runner(), '/run/interactive', ...UPGRADE)
    await until('both connections are open', () => [early, late].every(({ text }) => text() !== ''))
    early.socket.write(LONG_MESSAGE)
    await writeAll(late.socket, masked(JSON.stringify(DEAF)))
    await until('the program runs', () => late.text().includes('deaf'))
    late.socket.write(LONG_MESSAGE)
    await until('the first connection is refused', () =>
      early.text().includes('the first message did not'),
    )
    await until(
      'the second connection is refused',
      () => late.text().includes('did not end in time'),
      45_000,
    )
    await until('both connections are closed', () => early.socket.closed && late.socket.closed)
  }, 100_000)

  it('a connection is closed if its program leaves too much input unread', async () => {
    const client = runner().connect()
    await client.send(DEAF)
    await client.until('deaf')
    await client.send(...Array.from({ length: 100 }, () => Buffer.alloc(100_000)))
    const message = 'the program does not read its input'
    const error = { code: 'BAD_REQUEST', message }
    expect(await client.end()).toEqual([{ type: 'error', error }, 1008])
  })

  it('a slow program receives all of a long input', async () => {
    const code = `import sys, time
total = 0
while piece := sys.stdin.buffer.read1(1 << 18):
    total += len(piece)
    time.sleep(0.005)
print(total)`
    const client = runner().connect()
    await client.send({ language: 'python', code, timeoutMs: 60_000 })
    await client.send(...Array.from({ length: 200 }, () => Buffer.alloc(100_000)), { type: 'eof' })
    expect(await client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
    expect(client.stdout).toBe('20000000\n')
  })
})

/** Returns a masked text message as a client sends it, of any length. */
function masked(text: string): Buffer {
  const data = Buffer.from(text)
  const head = Buffer.alloc(14)
  head.writeUInt8(0x81, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeBigUInt64BE(BigInt(data.length), 2)
  return Buffer.concat([head, data])
}

it('a draining server is alive and not ready', async () => {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: 'runc' })
  const client = runner.connect()
  await client.send({ ...DEAF, timeoutMs: 5000 })
  await client.until('deaf')
  const { hostname, port } = new URL(runner.url)
  // The requests begin before the drain, because a draining server refuses new connections.
  const [healthz, readyz] = ['/healthz', '/readyz'].map((path) => {
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n`)
    return socket
  })
  await until('the program runs', async () => (await runner.leased()) === 1)
  const ended = runner.process.end('SIGTERM')
  await until('the server drains', () => runner.process.lines.includes('SIGTERM: draining'))
  const finish = (socket: Socket | undefined) =>
    new Promise<string>((resolve) => {
      socket?.once('data', (piece: Buffer) => resolve(piece.toString().slice(9, 12)))
      socket?.write('\r\n')
    })
  const answers = within(
    'both requests are answered',
    Promise.all([finish(healthz), finish(readyz)]),
  )
  expect(await answers).toEqual(['200', '503'])
  expect(await ended).toBe(0)
})
