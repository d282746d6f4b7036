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
/** A binary message without data, masked. */
const EMPTY_MESSAGE = Buffer.from([0x82, 0x80, 0, 0, 0, 0])
/** The head of a message as long as one may be. */
const LONG_MESSAGE = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0])

/** Sends a request head, and gives the connection with what is answered. */
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

async function statusOf(...asked: Parameters<typeof ask>): Promise<string> {
  const { text } = ask(...asked)
  await until('it is answered', () => text() !== '')
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
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' })

  it('that asks for another upgrade and is reset ends nothing else', async () => {
    for (let count = 0; count < 5; count++) {
      const { socket, text } = ask(runner(), '/', 'Connection: Upgrade', 'Upgrade: foo')
      await until('it is answered', () => text() !== '')
      socket.resetAndDestroy()
    }
    expect(await statusOf(runner(), '/healthz')).toBe('200')
  })

  it.each(['/run', '/run/interactive', '/healthz', '/nowhere'])(
    'from a page of another site is refused, on %s',
    async (path) => {
      const ways = [
        ['Host: evil.example'],
        ['Origin: http://evil.example'],
        ['Origin: null'],
        ['Sec-Fetch-Site: cross-site'],
      ]
      for (const headers of ways) {
        expect(await statusOf(runner(), path, ...headers)).toBe('403')
        expect(await statusOf(runner(), path, ...headers, ...UPGRADE)).toBe('403')
      }
    },
  )

  it('is to this machine alone, if nothing else is said', async () => {
    const { port } = new URL(runner().url)
    const elsewhere = request({ host: '127.0.0.2', port })
    const failed = new Promise<unknown>((resolve) => elsewhere.once('error', resolve).end())
    expect(await within('it is refused', failed)).toMatchObject({ code: 'ECONNREFUSED' })
    expect(runner().process.lines).toEqual([expect.stringContaining(`http://127.0.0.1:${port} `)])
  })

  it('is one too many, and then is not', async () => {
    const talks = Array.from({ length: MAX_CONVERSATIONS }, () => runner().talk())
    await Promise.all(talks.map((talk) => talk.send()))
    expect(await statusOf(runner(), '/run/interactive', ...UPGRADE)).toBe('503')
    for (const { socket } of talks) socket.terminate()
    await until('there is room again', async () => {
      return (await statusOf(runner(), '/run/interactive', ...UPGRADE)) === '101'
    })
  })

  it('with unread input and a flood of empty messages fills no memory', async () => {
    const before = rssBytes(runner())
    const { socket, text } = ask(runner(), '/run/interactive', ...UPGRADE)
    await until('it is open', () => text().includes('\r\n\r\n'))
    await writeAll(socket, masked(JSON.stringify(DEAF)))
    await until('it runs', () => text().includes('deaf'))
    await writeAll(socket, masked(JSON.stringify({ type: 'stdin', data: 'x'.repeat(400 * 1024) })))
    await writeAll(socket, Buffer.concat(Array<Buffer>(1_400_000).fill(EMPTY_MESSAGE)))
    expect(rssBytes(runner()) - before).toBeLessThan(200 * MIB)
    socket.destroy()
    await until('its lease is over', async () => (await runner().leased()) === 0)
  })

  it('with a message that does not end is closed, at the start and later', async () => {
    const early = ask(runner(), '/run/interactive', ...UPGRADE)
    const late = ask(runner(), '/run/interactive', ...UPGRADE)
    await until('both are open', () => [early, late].every(({ text }) => text() !== ''))
    early.socket.write(LONG_MESSAGE)
    await writeAll(late.socket, masked(JSON.stringify(DEAF)))
    await until('it runs', () => late.text().includes('deaf'))
    late.socket.write(LONG_MESSAGE)
    await until('the first is refused', () => early.text().includes('the first message did not'))
    await until('the other is refused', () => late.text().includes('did not end in time'), 45_000)
    await until('both are closed', () => early.socket.closed && late.socket.closed)
  }, 100_000)

  it('is closed if its program leaves more input unread than may wait', async () => {
    const talk = runner().talk()
    await talk.send(DEAF)
    await talk.until('deaf')
    await talk.send(...Array.from({ length: 100 }, () => Buffer.alloc(100_000)))
    const message = 'the program does not read its input'
    const error = { code: 'BAD_REQUEST', message }
    expect(await talk.end()).toEqual([{ type: 'error', error }, 1008])
  })

  it('gets all of a long input to a program that reads it slowly', async () => {
    const code = `import sys, time
total = 0
while piece := sys.stdin.buffer.read1(1 << 18):
    total += len(piece)
    time.sleep(0.005)
print(total)`
    const talk = runner().talk()
    await talk.send({ language: 'python', code, timeoutMs: 60_000 })
    await talk.send(...Array.from({ length: 200 }, () => Buffer.alloc(100_000)), { type: 'eof' })
    expect(await talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
    expect(talk.stdout).toBe('20000000\n')
  })
})

/** A text message as a client sends it, of less than 64 KiB or more. */
function masked(text: string): Buffer {
  const data = Buffer.from(text)
  const head = Buffer.alloc(14)
  head.writeUInt8(0x81, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeBigUInt64BE(BigInt(data.length), 2)
  return Buffer.concat([head, data])
}

it('a server that drains is alive, but not ready', async () => {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' })
  const talk = runner.talk()
  await talk.send({ ...DEAF, timeoutMs: 5000 })
  await talk.until('deaf')
  const { hostname, port } = new URL(runner.url)
  // Begun before: new connections are refused.
  const [healthz, readyz] = ['/healthz', '/readyz'].map((path) => {
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n`)
    return socket
  })
  await until('both are begun', async () => (await runner.leased()) === 1)
  const ended = runner.process.end('SIGTERM')
  await until('it drains', () => runner.process.lines.includes('SIGTERM: draining'))
  const finish = (socket: Socket | undefined) =>
    new Promise<string>((resolve) => {
      socket?.once('data', (piece: Buffer) => resolve(piece.toString().slice(9, 12)))
      socket?.write('\r\n')
    })
  const answers = within('both are answered', Promise.all([finish(healthz), finish(readyz)]))
  expect(await answers).toEqual(['200', '503'])
  expect(await ended).toBe(0)
})
