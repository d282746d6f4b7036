import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Attachment } from '../../../../src/engine/kubernetes/attachment.js'
import { attach } from '../../../../src/engine/kubernetes/attachment.js'
import { configFor, FakeAttach } from '../../../helpers/fake-attach.js'
import { until, within } from '../../../helpers/until.js'

const MIB = 1024 * 1024
const NEVER = new AbortController().signal

const BOX = { namespace: 'boxes', pod: 'box' }

function attachTo(server: FakeAttach, signal = NEVER) {
  return attach(configFor(server.url), BOX, signal)
}

describe.each(['v4', 'v5'] as const)('the streams over %s', (version) => {
  it('stdout continues after the end of stdin', async () => {
    const server = await new FakeAttach(version).listen()
    const attachment = await attachTo(server)
    attachment.stdin.end('first\n')
    const chunks = await within('stdout ends', outputOf(attachment))
    expect(chunks.toString()).toBe('first\nstdin has ended\n')
  })

  it('megabytes pass unchanged in both directions', async () => {
    const server = await new FakeAttach(version).listen()
    const attachment = await attachTo(server)
    const sent = randomBytes(4 * MIB)
    attachment.stdin.end(sent)
    const received = await within('stdout ends', outputOf(attachment))
    expect(received.subarray(0, sent.length).equals(sent)).toBe(true)
  })

  it('the server keeps the output until the reader takes it', async () => {
    const server = await new FakeAttach(version).listen()
    const attachment = await attachTo(server)
    const part = Buffer.alloc(64 * 1024)
    for (let sent = 0; sent < 32 * MIB; sent += part.length) void server.send(1, part)
    // The server has sent more bytes than the connection holds, so the rest waits in the server.
    await until('the connection is full', () => attachment.stdout.readableLength > 16_384)
    await new Promise((resolve) => setImmediate(resolve))
    expect(attachment.stdout.readableLength).toBeLessThan(MIB)
    attachment.stdin.end()
    expect((await within('the rest arrives', outputOf(attachment))).length).toBeGreaterThan(
      32 * MIB,
    )
  })

  it('a lost connection ends all streams', async () => {
    const server = await new FakeAttach(version).listen()
    const attachment = await attachTo(server)
    server.output?.terminate()
    await within('the end is noticed', attachment.closed)
    await until('no connection stays open', () => server.open === 0)
    expect(attachment.stdin.destroyed).toBe(true)
  })
})

it.each([
  ['v4', ['true true', 'true false']],
  ['v5', ['true true']],
] as const)('%s needs these connections, each with stdin: %j', async (version, expected) => {
  const server = await new FakeAttach(version).listen()
  await attachTo(server)
  const asked = server.queries.map((query) => `${query.get('stdin')} ${query.get('stdout')}`)
  expect(asked).toEqual(expected)
})

it('output that arrives after the end of the input is not lost', async () => {
  const server = await new FakeAttach('v4').listen()
  const attachment = await attachTo(server)
  server.hasExited = true
  server.input?.close()
  await until('the input is closed', () => server.open === 1)
  attachment.stdin.write('nobody reads this')
  await server.send(1, Buffer.from('last words'))
  server.output?.close()
  expect((await within('stdout ends', outputOf(attachment))).toString()).toBe('last words')
})

it('output may take long after the end of the input, as long as there is more', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const server = await new FakeAttach('v4').listen()
  const attachment = await attachTo(server)
  server.hasExited = true
  const timers = vi.getTimerCount()
  server.input?.close()
  // Until the limit runs, which is one more timer. Those of the closing connection are over then.
  while (server.open > 1 || vi.getTimerCount() !== timers + 1) await nextTurn()
  for (let received = 1; received <= 3; received++) {
    vi.advanceTimersByTime(1900)
    await server.send(1, Buffer.from('x'))
    while (attachment.stdout.readableLength < received) await nextTurn()
  }
  vi.advanceTimersByTime(1900)
  server.output?.close()
  expect((await outputOf(attachment)).toString()).toBe('xxx')
})

it('output that is not read is not lost after the end of the input', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const server = await new FakeAttach('v4').listen()
  const attachment = await attachTo(server)
  const size = 4 * MIB
  for (let sent = 0; sent < size; sent += 65_536) void server.send(1, Buffer.alloc(65_536))
  server.hasExited = true
  const timers = vi.getTimerCount()
  server.input?.close()
  while (server.open > 1 || vi.getTimerCount() !== timers + 1) await nextTurn()
  for (let passed = 0; passed < 5; passed++) {
    vi.advanceTimersByTime(1900)
    await nextTurn()
  }
  const read = outputOf(attachment)
  server.output?.close()
  expect((await read).length).toBe(size)
})

it('the last lines of stderr are kept, and its size is bounded', async () => {
  const server = await new FakeAttach('v4').listen()
  const attachment = await attachTo(server)
  for (let sent = 0; sent < 40; sent++) void server.send(2, Buffer.alloc(16_384, 'x'))
  await server.send(2, Buffer.from('\nlast line\n'))
  attachment.stdin.end()
  await within('stdout ends', outputOf(attachment))
  expect(attachment.stderrTail).toMatch(/x\nlast line\n$/)
  expect(attachment.stderrTail.length).toBe(4096)
})

it('a refused connection has the status and the reason', async () => {
  const body = JSON.stringify({ message: 'pods "box" not found' })
  const server = await new FakeAttach('v4').listen({ status: 404, body })
  await expect(attachTo(server)).rejects.toMatchObject({ code: 404, body })
})

it('an aborted attachment leaves no connection', async () => {
  const server = await new FakeAttach('v4').listen()
  const abort = new AbortController()
  const reason = new Error('aborted by the test')
  const attaching = attachTo(server, abort.signal)
  abort.abort(reason)
  await expect(attaching).rejects.toBe(reason)
  await until('no connection stays open', () => server.open === 0)
})

async function outputOf({ stdout, closed }: Attachment) {
  void closed.then(() => stdout.push(null))
  const chunks: Buffer[] = []
  for await (const chunk of stdout) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
