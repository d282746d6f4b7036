import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { CodeRunner, disconnectDelays, useCodeRunner } from '../helpers/code-runner.js'
import { languages, runtimes } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

const stdin = (data: string) => ({ type: 'stdin', data })
const EOF = { type: 'eof' }
const KILL = { type: 'kill' }
const run = (code: string, more: object = {}) => ({ language: 'python', code, ...more })

/** The same programs in each language. */
const PROGRAMS = {
  python: {
    dialog: 'name = input("Who? ")\nprint("Hello,", name)\nprint("Bye,", input("Else? "))',
    /** Prints the bytes of its input in hex, after the end of the input. */
    hex: 'import sys\nprint(sys.stdin.buffer.read().hex())',
    deaf: 'import time\nprint("deaf", flush=True)\ntime.sleep(600)',
    ends: 'print("done")',
  },
  nodejs: {
    dialog: `const lines = require('readline').createInterface({ input: process.stdin })
const say = (text) => process.stdout.write(text)
say('Who? ')
lines.once('line', (name) => {
  say('Hello, ' + name + '\\nElse? ')
  lines.once('line', (other) => {
    say('Bye, ' + other + '\\n')
    process.exit(0)
  })
})`,
    hex: `const pieces = []
process.stdin.on('data', (piece) => pieces.push(piece))
process.stdin.on('end', () => console.log(Buffer.concat(pieces).toString('hex')))`,
    deaf: 'console.log("deaf")\nsetTimeout(() => {}, 600_000)',
    ends: 'console.log("done")',
  },
}

describe.each(runtimes)('an interactive run under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })

  describe.each(languages)('in %s', (language) => {
    const programs = PROGRAMS[language]
    const begin = async (code: string, ...more: (object | string)[]) => {
      const client = runner().connect()
      await client.send({ language, code, timeoutMs: 60_000 }, ...more)
      return client
    }

    it('a program and its client exchange several messages', async () => {
      const client = await begin(programs.dialog)
      await client.until('Who? ')
      await client.send(stdin('Ada é'), stdin('\n'))
      await client.until('Hello, Ada é\nElse? ')
      await client.send(stdin('Bob\n'))
      const [last, code] = await client.end()
      expect(client.stdout.replaceAll('\n', '')).toBe('Who? Hello, Ada éElse? Bye, Bob')
      expect(last).toMatchObject({ type: 'exit', exitCode: 0, truncated: false })
      expect(last).not.toHaveProperty('killedBy')
      expect(code).toBe(1000)
    })

    it('the client may send all input before the program starts', async () => {
      const client = await begin(programs.dialog, stdin('Ada\n'), stdin('Bob\n'), EOF)
      expect(await client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(client.stdout).toContain('Bye, Bob')
    })

    it('the program receives bytes and texts in order, up to eof', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
      const client = await begin(programs.hex, bytes, stdin('é'), Uint8Array.of(255, 0), EOF, EOF)
      expect(await client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(client.stdout).toBe(`${bytes.toString('hex')}c3a9ff00\n`)
    })

    it('the client can kill a program that does not read its input', async () => {
      const client = await begin(programs.deaf, stdin('x'.repeat(1_000_000)))
      await client.until('deaf')
      await client.send(KILL)
      const killed = { type: 'exit', exitCode: null, signal: 'SIGKILL', killedBy: 'abort' }
      expect(await client.end()).toMatchObject([killed, 1000])
    })

    it('messages after the exit are ignored', async () => {
      const client = await begin(programs.ends)
      client.onText((text) => {
        if (!text.includes('exit')) return
        for (const message of [stdin('late'), EOF, KILL, stdin('late'), {}]) {
          client.socket.send(JSON.stringify(message))
        }
      })
      expect(await client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(client.stdout).toBe('done\n')
      expect(client.events.filter(({ type }) => type !== 'stdout')).toHaveLength(1)
    })

    it('the lease ends after the exit even if the client does not read', async () => {
      const client = await begin(programs.dialog)
      await client.until('Who? ')
      await client.send(stdin('Ada\nBob\n'))
      client.socket.pause()
      await until('the lease has ended', async () => (await runner().leased()) === 0, 10_000)
      client.socket.resume()
      expect(await client.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
    })

    it('a disconnect of the client ends the lease', async () => {
      const client = await begin(programs.deaf)
      await client.until('deaf')
      expect((await runner().languages())[language]?.leased).toBe(1)
      client.socket.terminate()
      await until('the lease has ended', async () => (await runner().leased()) === 0)
    })
  })

  it.each([
    ['is not JSON', 's3cr3t'],
    ['is bytes', Buffer.from('{ "language": "python", "code": "s3cr3t" }')],
    ['is input', stdin('s3cr3t')],
    ['is null', 'null'],
    ['has no language', { code: 's3cr3t' }],
    ['has an unknown field', { language: 'python', code: '', s3cr3t: 1 }],
    ['has an empty path', run('', { files: [{ path: '', content: '' }] })],
    ['has a path in a folder of root', run('', { files: [{ path: '/etc/s3cr3t', content: '' }] })],
  ])('a connection is refused if its first message %s', async (_, message) => {
    const client = runner().connect()
    await client.send(message, stdin('more'), KILL)
    const error = { code: 'BAD_REQUEST', message: expect.not.stringContaining('s3cr3t') }
    expect(await client.end()).toEqual([{ type: 'error', error }, 1008])
    expect(client.events).toHaveLength(1)
  })

  it.each([
    ['not JSON', 's3cr3t'],
    ['without a type', { data: 's3cr3t' }],
    ['a second run', run('print("s3cr3t")')],
    ['input that is not a text', { type: 'stdin', data: 5 }],
    ['input with an unknown field', { ...stdin('x'), s3cr3t: 1 }],
  ])('a connection is closed after a message that is %s', async (_, message) => {
    const client = runner().connect()
    await client.send(run(PROGRAMS.python.deaf), message)
    const error = { code: 'BAD_REQUEST', message: expect.not.stringContaining('s3cr3t') }
    expect(await client.end()).toEqual([{ type: 'error', error }, 1008])
  })

  it('the first message may have files, arguments, variables, input and a timeout', async () => {
    const code = `import os, sys, time
print(open('a/b').read(), sys.argv[1:], os.environ['A'], sys.stdin.read(), flush=True)
time.sleep(600)`
    const files = [{ path: 'a/b', content: Buffer.from('é').toString('base64') }]
    const more = { files, args: ['x'], env: { A: 'b' }, stdin: 'in', timeoutMs: 1000 }
    const client = runner().connect()
    await client.send(run(code, more), stdin('unread'))
    const killed = { type: 'exit', exitCode: null, killedBy: 'timeout' }
    expect(await client.end()).toMatchObject([killed, 1000])
    expect(client.stdout).toBe("é ['x'] b in\n")
  })

  it('a connection with a message that is too long is closed', async () => {
    const client = runner().connect()
    await client.send(run(PROGRAMS.python.deaf))
    await client.until('deaf')
    await client.send(Buffer.alloc(1024 * 1024 + 1))
    expect((await client.end())[1]).toBe(1009)
  })

  it('a connection with invalid frames is closed, and the server keeps running', async () => {
    const { hostname, port } = new URL(runner().url)
    const socket = connect(Number(port), hostname)
    const headers = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket']
    headers.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')
    socket.write(`GET /run/interactive HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    socket.once('data', () => socket.write(Buffer.alloc(1000, 0xff)))
    await within('the server closes the connection', once(socket.resume(), 'close'))
    await until('the connection holds no lease', async () => (await runner().leased()) === 0)
  })

  it('a request without an upgrade is answered with 426', async () => {
    expect((await fetch(`${runner().url}/run/interactive`)).status).toBe(426)
  })

  it('a disconnect of the client at any time leaves no lease and no container', async () => {
    const clients = disconnectDelays(2).map(async (ms, at) => {
      const client = runner().connect()
      AbortSignal.timeout(ms).addEventListener('abort', () => client.socket.terminate())
      const language = languages[at % 2] ?? 'python'
      const code = at % 3 === 0 ? PROGRAMS[language].deaf : PROGRAMS[language].hex
      const message = { language, code, timeoutMs: 60_000 }
      void client.send(message, stdin('x'.repeat(400_000))).catch(() => {})
      return client.closed
    })
    await within('all clients have disconnected', Promise.all(clients))
    await runner().settled()
  })
})

it('an interactive run is refused if the queue is full', async () => {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: 'runc' })
  const disconnect = new AbortController()
  const post = () =>
    runner.post(run(PROGRAMS.python.deaf, { timeoutMs: 60_000 }), { signal: disconnect.signal })
  const running = [post(), post()]
  await until('two programs run', async () => (await runner.leased()) === 2)
  const waiting = Array.from({ length: 100 }, post)
  const settled = Promise.allSettled([...running, ...waiting])
  await until('the queue is full', async () => (await runner.languages()).python?.waiting === 100)
  const client = runner.connect()
  await client.send(run(''))
  const error = { code: 'SANDBOX_QUEUE_FULL', message: expect.any(String) }
  expect(await client.end()).toEqual([{ type: 'error', error }, 1011])
  disconnect.abort()
  await settled
  await until('no caller holds or waits for a sandbox', async () => {
    const { python } = await runner.languages()
    return python?.leased === 0 && python.waiting === 0
  })
})
