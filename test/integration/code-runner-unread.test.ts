import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CodeRunner } from '../helpers/code-runner.js'
import { useCodeRunner } from '../helpers/code-runner.js'
import { eventsIn } from '../helpers/events.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
/** Makes more files and output than the buffers of a socket hold. Its lease lasts long enough to be seen. */
const LARGE = `import os, time
time.sleep(0.5)
for at in range(4): open(f'file{at}', 'wb').write(os.urandom(${MIB} - 1))
print('x' * 900_000)`
/** Writes output until its timeout. */
const ENDLESS = 'import os\nblock = b"0123456789abcde\\n" * 4096\nwhile True: os.write(1, block)'
const python = (code: string, timeoutMs: number) => ({ language: 'python', code, timeoutMs })

/** Posts a run, and does not read the answer. */
async function postUnread(runner: CodeRunner, path: string, body: object): Promise<Socket> {
  const { hostname, port } = new URL(runner.url)
  const socket = connect(Number(port), hostname).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const text = JSON.stringify(body)
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`
  const about = `Accept: application/x-ndjson\r\nContent-Type: application/json\r\n`
  socket.pause()
  socket.write(`${head}${about}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  await until('the program runs', async () => (await runner.leased()) === 1)
  return socket
}

async function readToEnd(socket: Socket): Promise<string> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  socket.resume()
  await once(socket, 'end')
  return Buffer.concat(pieces).toString()
}

describe('a client that does not read', () => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: 'runc' })
  const leaseIsOver = () =>
    until('the lease has ended', async () => (await runner().leased()) === 0, 10_000)

  it('an unread answer holds no sandbox after the run and is complete', async () => {
    const socket = await postUnread(runner(), '/run', python(LARGE, 10_000))
    await leaseIsOver()
    const [, body = ''] = (await readToEnd(socket)).split('\r\n\r\n')
    const answer = JSON.parse(body)
    expect(answer).toMatchObject({ exitCode: 0, truncated: false, filesOmitted: 0 })
    expect(answer.files).toHaveLength(4)
    expect(answer.stdout).toHaveLength(900_001)
  })

  it('an unread stream holds no sandbox after the program and has its exit event', async () => {
    const socket = await postUnread(runner(), '/run/stream', python(ENDLESS, 1500))
    await leaseIsOver()
    const text = await readToEnd(socket)
    const lines = text.split('\r\n').filter((line) => line.startsWith('{'))
    const last = eventsIn(lines.join('')).at(-1)
    expect(last).toMatchObject({ type: 'exit', killedBy: 'timeout' })
  })

  it('a short unread stream is complete', async () => {
    const code = 'print("x" * 300_000)\n[1, 2]'
    const socket = await postUnread(
      runner(),
      '/run/stream',
      python(`import time\ntime.sleep(0.5)\n${code}`, 10_000),
    )
    await leaseIsOver()
    const text = await readToEnd(socket)
    expect(text.replaceAll(/[^x]/g, '').length).toBeGreaterThanOrEqual(300_000)
    expect(text).toContain('"type":"result"')
    expect(text).toContain('"exitCode":0')
  })

  it('an unread connection holds no sandbox after the program and has its exit event', async () => {
    const client = runner().connect()
    await client.send(python(ENDLESS, 1500))
    client.socket.pause()
    await until('the program runs', async () => (await runner().leased()) === 1)
    await leaseIsOver()
    client.socket.resume()
    expect(await client.end()).toMatchObject([{ type: 'exit', killedBy: 'timeout' }, 1000])
  })
})
