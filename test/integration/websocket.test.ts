import { on, once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { runSocket } from '../../src/client/index.js'
import type { WebsocketSandboxOptions } from '../../middleware/index.js'
import type { Sandbox } from '../../src/index.js'
import { poolOfTest, usePool } from '../helpers/engine.js'
import { FlakyProxy } from '../helpers/flaky-proxy.js'
import { Reader } from '../helpers/reader.js'
import { until, within } from '../helpers/until.js'
import { connect, serveWebsocket } from '../helpers/websocket-app.js'

const pool = usePool({ runtime: 'runc', languages: { python: { size: 1, max: 3 } } })
const leased = () => pool().stats().python?.leased
const leaseIsOver = () => until('the lease has ended', () => leased() === 0)

/** Collects the events of a run, and waits for them. */
class SocketReader extends Reader {
  until(part: string): Promise<void> {
    return until(`the program prints ${part}`, () => this.stdout.includes(part))
  }

  /** Waits for the end of the loop. Returns its error, or the last event. */
  end(): Promise<unknown> {
    return within('the loop ends', this.over)
  }
}

/** Counts the leases of a test: a program that runs twice needs two. */
function countLeases(): () => number {
  let count = 0
  pool().on('acquired', () => count++)
  return () => count
}

const serve = (options: WebsocketSandboxOptions = {}) =>
  serveWebsocket({ pool: pool(), ...options })

/** Connects a client by a proxy that can lose the connection. */
async function serveFlaky(options: WebsocketSandboxOptions = {}) {
  let server = await serve(options)
  const proxy = await FlakyProxy.ofTest(() => server.port)
  const url = `ws://127.0.0.1:${proxy.port}/run`
  const run = (code: string) => {
    const run = runSocket(url, { code }, { connect })
    return { run, reader: new SocketReader(run) }
  }
  const restart = async () => {
    await server.close()
    server = await serve(options)
  }
  return { proxy, url, run, restart }
}

/** Waits for the first event of a run. */
async function waitForEvent(socket: WebSocket): Promise<void> {
  for await (const [data] of on(socket, 'message')) if (String(data).includes('"seq"')) return
}

/** Returns the status of the answer to an upgrade: 101 if the connection is accepted. */
async function statusOf(url: string, options: { origin?: string } = {}): Promise<unknown> {
  const socket = new WebSocket(url, options)
  onTestFinished(() => socket.terminate())
  socket.on('error', () => {})
  return Promise.race([
    once(socket, 'open').then(() => 101),
    once(socket, 'unexpected-response').then(([, response]) => response.statusCode),
  ])
}

const EXIT = { type: 'exit', exitCode: 0 }
const SLEEPS = 'print("a", flush=True)\nimport time\ntime.sleep(600)'
const ECHO = 'import sys\nfor line in sys.stdin: print(line, end="", flush=True)'

describe('websocketSandbox()', () => {
  it('runs the code and the command of a first message', async () => {
    const { url } = await serve()
    for (const program of [{ code: 'print(6 * 7)' }, '{"command":"echo 42"}']) {
      const reader = new SocketReader(runSocket(url, program, { connect }))
      expect(await reader.end()).toMatchObject(EXIT)
      expect(reader.stdout).toBe('42\n')
    }
    await leaseIsOver()
  })

  it('sends the results of atEnd, for which the lease goes on, before the exit', async () => {
    const atEnd = async (box: Sandbox) => [
      { isMain: false, text: String(await box.readFile('a.txt')) },
    ]
    const code = 'open("a.txt", "w").write("made");'
    const { url } = await serve({ program: () => ({ code, atEnd }) })
    const reader = new SocketReader(runSocket(url, {}, { connect }))
    expect(await reader.end()).toMatchObject(EXIT)
    expect(reader.events).toMatchObject([{ result: { text: 'made' } }, { type: 'exit' }])
    await leaseIsOver()
    const fails = await serve({
      onError: () => {},
      program: () => ({ code, atEnd: async () => Promise.reject(new Error('no')) }),
    })
    const failed = new SocketReader(runSocket(fails.url, {}, { connect }))
    expect(await failed.end()).toMatchObject({ type: 'error' })
    await leaseIsOver()
  })

  it('passes input, its end, an interrupt and a kill to the program', async () => {
    const { url } = await serve()
    const echo = runSocket(url, { code: ECHO }, { connect })
    const reader = new SocketReader(echo)
    await echo.write(`${'é'.repeat(100_000)}\n`)
    await echo.write(new TextEncoder().encode('b\n'))
    echo.eof()
    expect(await reader.end()).toMatchObject(EXIT)
    expect(reader.stdout).toBe(`${'é'.repeat(100_000)}\nb\n`)
    for (const call of ['interrupt', 'kill'] as const) {
      const run = runSocket(url, { code: SLEEPS }, { connect })
      const sleeper = new SocketReader(run)
      await sleeper.until('a')
      run[call]()
      expect(await sleeper.end()).toMatchObject({ type: 'exit', killedBy: 'abort' })
    }
  })

  it.each([
    ['is not valid', { text: 's3cr3t' }, { code: 'BAD_REQUEST' }],
    ['names an unknown language', { code: '' }, { code: 'SANDBOX_UNKNOWN_LANGUAGE' }],
  ])('a program that %s ends with an error event', async (_, program, error) => {
    const { url } = await serve({ language: () => 'cobol' })
    const reader = new SocketReader(runSocket(url, program, { connect }))
    expect(await reader.end()).toMatchObject({ type: 'error', error })
    expect(JSON.stringify(reader.events)).not.toContain('s3cr3t')
  })

  it('errors of the app are not shown to the client', async () => {
    const errors: unknown[] = []
    const fail = () => Promise.reject(new Error('s3cr3t'))
    const { url } = await serve({ program: fail, onError: (error) => errors.push(error) })
    const run = runSocket(url, {}, { connect })
    const failure = { reason: 'failed', code: 'INTERNAL', message: 'Internal Server Error' }
    await expect(run.exit()).rejects.toMatchObject(failure)
    expect(errors).toEqual([new Error('s3cr3t')])
  })

  it.each([
    ['its own', 101, (host: string) => `http://${host}`, undefined],
    ['another', 403, () => 'http://evil.example', undefined],
    ['an opaque', 403, () => 'null', undefined],
    ['a listed', 101, () => 'https://app.example', ['https://app.example']],
    ['not a listed', 403, (host: string) => `http://${host}`, ['https://app.example']],
  ])('a page of %s origin gets the answer %i', async (_, status, origin, origins) => {
    const { url } = await serve({ origins })
    expect(await statusOf(url, { origin: origin(new URL(url).host) })).toBe(status)
  })

  it('refuses a connection beyond the limit, and all of them while the pool closes', async () => {
    const own = await poolOfTest({ runtime: 'runc', languages: { python: { size: 1 } } })
    const { url } = await serve({ pool: own, maxConversations: 1 })
    const idle = new WebSocket(url)
    const messages: string[] = []
    idle.on('message', (data: Buffer) => messages.push(data.toString()))
    await once(idle, 'open')
    expect(await statusOf(url)).toBe(503)
    const closed = once(idle, 'close')
    await own.close()
    expect((await closed)[0]).toBe(1012)
    expect(messages).toEqual([expect.stringContaining('SANDBOX_CLOSED')])
    expect(await statusOf(url)).toBe(503)
    const refused = { reason: 'refused' }
    await expect(runSocket(url, {}, { connect }).exit()).rejects.toMatchObject(refused)
  })

  it('a loop that ends early and a signal end the program', async () => {
    const { url } = await serve()
    for await (const event of runSocket(url, { code: SLEEPS }, { connect })) {
      if (event.type === 'stdout') break
    }
    await leaseIsOver()
    const abort = new AbortController()
    const run = runSocket(url, { code: SLEEPS }, { connect, signal: abort.signal })
    const reader = new SocketReader(run)
    await reader.until('a')
    abort.abort(new Error('enough'))
    expect(await reader.end()).toEqual(new Error('enough'))
    await expect(run.write('x')).resolves.toBeUndefined()
    await leaseIsOver()
  })

  it('a disconnect interrupts the run of a context, whose session keeps its variables', async () => {
    const { url, port } = await serve({
      session: () => 'session of the test',
      program: (code) => ({
        code,
        options: async (sandbox) => {
          const [context = await sandbox.createCodeContext()] = sandbox.listCodeContexts()
          return { context }
        },
      }),
    })
    const proxy = await FlakyProxy.ofTest(() => port)
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/run`)
    socket.on('error', () => {})
    await once(socket, 'open')
    socket.send(`x = 42\n${SLEEPS}`)
    await once(socket, 'message')
    proxy.cut()
    const again = new SocketReader(runSocket(url, 'print(x)', { connect }))
    expect(await again.end()).toMatchObject({ ...EXIT, context: 'kept' })
    expect(again.stdout).toBe('42\n')
    await pool().endSession('session of the test')
  })
})

describe('a run whose connection is lost', () => {
  it('goes on, and its client gets every event once', async () => {
    const leases = countLeases()
    const { proxy, run } = await serveFlaky()
    const code = `import time
for at in range(300):
    print(at, 'x' * 2000, flush=True)
    time.sleep(0.005)`
    const { reader } = run(code)
    for (const at of [20, 80, 150]) {
      await reader.until(`\n${at} `)
      proxy.cut()
    }
    expect(await reader.end()).toMatchObject(EXIT)
    const numbers = Array.from({ length: 300 }, (_, at) => `${at} ${'x'.repeat(2000)}\n`)
    expect(reader.stdout).toBe(numbers.join(''))
    expect(proxy.connections).toBeGreaterThan(3)
    expect(leases()).toBe(1)
    await leaseIsOver()
  })

  it('gets each input once', async () => {
    const { proxy, run } = await serveFlaky()
    const { run: echo, reader } = run(ECHO)
    const lines = Array.from({ length: 200 }, (_, at) => `${at}\n`)
    const writes = lines.map((line, at) => {
      if (at % 50 === 25) proxy.cut()
      return echo.write(line)
    })
    await reader.until('\n100\n')
    proxy.cut()
    echo.eof()
    expect(await reader.end()).toMatchObject(EXIT)
    await Promise.all(writes)
    expect(reader.stdout).toBe(lines.join(''))
  })

  it('waits for a client that does not read, and its large output is complete', async () => {
    const { proxy, url } = await serveFlaky()
    const code = `import os
for at in range(2000): os.write(1, b'%9d\\n' % at * 1000)`
    const run = runSocket(url, { code }, { connect })
    await until('the program runs', () => leased() === 1)
    proxy.cut()
    let bytes = 0
    for await (const event of run) {
      if (event.type === 'stdout') bytes += event.data.length
      if (event.type === 'exit') expect(event).toMatchObject({ exitCode: 0, truncated: false })
    }
    expect(bytes).toBe(20_000_000)
  })

  it('has its exit when the client comes back after the end of the program', async () => {
    const { proxy, run } = await serveFlaky()
    const { reader } = run('print("a", flush=True)\nimport time\ntime.sleep(0.5)\nprint("b")')
    await reader.until('a')
    proxy.isDown = true
    proxy.cut()
    await leaseIsOver()
    proxy.isDown = false
    expect(await reader.end()).toMatchObject(EXIT)
    expect(reader.stdout).toBe('a\nb\n')
  })

  it.each([
    ['after the time', { keepMs: 200 }],
    ['if the server keeps no run', { keepMs: 0 }],
  ])('is cut %s, and the program ends', async (_, options) => {
    const leases = countLeases()
    const { proxy, run } = await serveFlaky(options)
    const { reader } = run(SLEEPS)
    await reader.until('a')
    proxy.isDown = true
    proxy.cut()
    expect(await reader.end()).toMatchObject({ reason: 'cut' })
    await leaseIsOver()
    proxy.isDown = false
    expect(leases()).toBe(1)
  })

  it('is cut after a restart of the server, and does not run again', async () => {
    const leases = countLeases()
    const { proxy, run, restart } = await serveFlaky({ keepMs: 60_000 })
    const { reader } = run(SLEEPS)
    await reader.until('a')
    await restart()
    expect(await reader.end()).toMatchObject({
      reason: 'cut',
      message: expect.stringContaining('the server does not have'),
    })
    expect(proxy.connections).toBeGreaterThan(1)
    expect(leases()).toBe(1)
  })

  it('can be resumed only with its id, and by its tenant', async () => {
    let tenant = 'ada'
    const { url } = await serve({ tenant: () => tenant })
    const ask = async (message: object) => {
      const socket = connect(url)
      socket.on('error', () => {})
      await once(socket, 'open')
      socket.send(JSON.stringify(message))
      const [data] = await once(socket, 'message')
      return { socket, answer: JSON.parse(String(data)) }
    }
    const { socket, answer } = await ask({ type: 'open' })
    socket.send(JSON.stringify({ code: SLEEPS }))
    await within('the program runs', waitForEvent(socket))
    socket.terminate()
    const resume = { type: 'resume', run: answer.run, after: 0 }
    tenant = 'eve'
    const lost = { type: 'error', error: { code: 'RUN_LOST' } }
    expect((await ask(resume)).answer).toMatchObject(lost)
    tenant = 'ada'
    expect((await ask({ ...resume, run: 'x' })).answer).toMatchObject(lost)
    expect((await ask({ ...resume, after: 5 })).answer).toMatchObject(lost)
    expect((await ask(resume)).answer).toMatchObject({ type: 'resume', received: 1 })
  })
})
