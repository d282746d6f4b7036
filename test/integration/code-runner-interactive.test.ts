import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { CodeRunner, patienceOfClients, useCodeRunner } from '../helpers/code-runner.js'
import { languages, runtimes } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

const stdin = (data: string) => ({ type: 'stdin', data })
const EOF = { type: 'eof' }
const KILL = { type: 'kill' }
const run = (code: string, more: object = {}) => ({ language: 'python', code, ...more })

/** The same programs in each language. */
const PROGRAMS = {
  python: {
    talks: 'name = input("Who? ")\nprint("Hello,", name)\nprint("Bye,", input("Else? "))',
    /** Prints the bytes of its input in hex, when it is over. */
    hex: 'import sys\nprint(sys.stdin.buffer.read().hex())',
    deaf: 'import time\nprint("deaf", flush=True)\ntime.sleep(600)',
    ends: 'print("done")',
  },
  nodejs: {
    talks: `const lines = require('readline').createInterface({ input: process.stdin })
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

describe.each(runtimes)('a conversation under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })

  describe.each(languages)('in %s', (language) => {
    const programs = PROGRAMS[language]
    const begin = async (code: string, ...more: (object | string)[]) => {
      const talk = runner().talk()
      await talk.send({ language, code, timeoutMs: 60_000 }, ...more)
      return talk
    }

    it('goes back and forth', async () => {
      const talk = await begin(programs.talks)
      await talk.until('Who? ')
      await talk.send(stdin('Ada é'), stdin('\n'))
      await talk.until('Hello, Ada é\nElse? ')
      await talk.send(stdin('Bob\n'))
      const [last, code] = await talk.end()
      expect(talk.stdout.replaceAll('\n', '')).toBe('Who? Hello, Ada éElse? Bye, Bob')
      expect(last).toMatchObject({ type: 'exit', exitCode: 0, truncated: false })
      expect(last).not.toHaveProperty('killedBy')
      expect(code).toBe(1000)
    })

    it('may be over before the program has begun', async () => {
      const talk = await begin(programs.talks, stdin('Ada\n'), stdin('Bob\n'), EOF)
      expect(await talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(talk.stdout).toContain('Bye, Bob')
    })

    it('takes bytes, in order with texts, to their end', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
      const talk = await begin(programs.hex, bytes, stdin('é'), Uint8Array.of(255, 0), EOF, EOF)
      expect(await talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(talk.stdout).toBe(`${bytes.toString('hex')}c3a9ff00\n`)
    })

    it('can be ended while the program leaves its input unread', async () => {
      const talk = await begin(programs.deaf, stdin('x'.repeat(1_000_000)))
      await talk.until('deaf')
      await talk.send(KILL)
      const killed = { type: 'exit', exitCode: null, signal: 'SIGKILL', killedBy: 'abort' }
      expect(await talk.end()).toMatchObject([killed, 1000])
    })

    it('that is over takes no harm from what still comes', async () => {
      const talk = await begin(programs.ends)
      talk.onText((text) => {
        if (!text.includes('exit')) return
        for (const message of [stdin('late'), EOF, KILL, stdin('late'), {}]) {
          talk.socket.send(JSON.stringify(message))
        }
      })
      expect(await talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
      expect(talk.stdout).toBe('done\n')
      expect(talk.events.filter(({ type }) => type !== 'stdout')).toHaveLength(1)
    })

    it('that is over holds nothing, also where its client reads nothing of that', async () => {
      const talk = await begin(programs.talks)
      await talk.until('Who? ')
      await talk.send(stdin('Ada\nBob\n'))
      talk.socket.pause()
      await until('the lease is over', async () => (await runner().leased()) === 0, 10_000)
      talk.socket.resume()
      expect(await talk.end()).toMatchObject([{ type: 'exit', exitCode: 0 }, 1000])
    })

    it('whose client leaves is over, and so is its program', async () => {
      const talk = await begin(programs.deaf)
      await talk.until('deaf')
      expect((await runner().languages())[language]?.leased).toBe(1)
      talk.socket.terminate()
      await until('the lease is over', async () => (await runner().leased()) === 0)
    })
  })

  it.each([
    ['is no JSON', 's3cr3t'],
    ['is bytes', Buffer.from('{ "language": "python", "code": "s3cr3t" }')],
    ['is input', stdin('s3cr3t')],
    ['is null', 'null'],
    ['has no language', { code: 's3cr3t' }],
    ['has a field too much', { language: 'python', code: '', s3cr3t: 1 }],
    ['has a path that is no path', run('', { files: [{ path: '', content: '' }] })],
    ['has a path to nowhere', run('', { files: [{ path: '/etc/s3cr3t', content: '' }] })],
  ])('whose first message %s is refused', async (_, message) => {
    const talk = runner().talk()
    await talk.send(message, stdin('more'), KILL)
    const error = { code: 'BAD_REQUEST', message: expect.not.stringContaining('s3cr3t') }
    expect(await talk.end()).toEqual([{ type: 'error', error }, 1008])
    expect(talk.events).toHaveLength(1)
  })

  it.each([
    ['no JSON', 's3cr3t'],
    ['of no type', { data: 's3cr3t' }],
    ['a second run', run('print("s3cr3t")')],
    ['input that is no text', { type: 'stdin', data: 5 }],
    ['input with a field too much', { ...stdin('x'), s3cr3t: 1 }],
  ])('is ended by a message that is %s', async (_, message) => {
    const talk = runner().talk()
    await talk.send(run(PROGRAMS.python.deaf), message)
    const error = { code: 'BAD_REQUEST', message: expect.not.stringContaining('s3cr3t') }
    expect(await talk.end()).toEqual([{ type: 'error', error }, 1008])
  })

  it('has what a request has: files, arguments, variables, input, a timeout', async () => {
    const code = `import os, sys, time
print(open('a/b').read(), sys.argv[1:], os.environ['A'], sys.stdin.read(), flush=True)
time.sleep(600)`
    const files = [{ path: 'a/b', content: Buffer.from('é').toString('base64') }]
    const more = { files, args: ['x'], env: { A: 'b' }, stdin: 'in', timeoutMs: 1000 }
    const talk = runner().talk()
    await talk.send(run(code, more), stdin('nobody reads it'))
    const killed = { type: 'exit', exitCode: null, killedBy: 'timeout' }
    expect(await talk.end()).toMatchObject([killed, 1000])
    expect(talk.stdout).toBe("é ['x'] b in\n")
  })

  it('in which a message is too long is closed, and the server lives', async () => {
    const talk = runner().talk()
    await talk.send(run(PROGRAMS.python.deaf))
    await talk.until('deaf')
    await talk.send(Buffer.alloc(1024 * 1024 + 1))
    expect((await talk.end())[1]).toBe(1009)
  })

  it('in which no frame can be read is closed, and the server lives', async () => {
    const { hostname, port } = new URL(runner().url)
    const socket = connect(Number(port), hostname)
    const headers = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket']
    headers.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')
    socket.write(`GET /run/interactive HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    socket.once('data', () => socket.write(Buffer.alloc(1000, 0xff)))
    await within('the server hangs up', once(socket.resume(), 'close'))
    expect(await runner().leased()).toBe(0)
  })

  it('without an upgrade is not found', async () => {
    expect((await fetch(`${runner().url}/run/interactive`)).status).toBe(404)
  })

  it('that its client leaves at any moment leaves nothing behind', async () => {
    const talks = patienceOfClients(2).map(async (ms, at) => {
      const talk = runner().talk()
      AbortSignal.timeout(ms).addEventListener('abort', () => talk.socket.terminate())
      const language = languages[at % 2] ?? 'python'
      const code = at % 3 === 0 ? PROGRAMS[language].deaf : PROGRAMS[language].hex
      const message = { language, code, timeoutMs: 60_000 }
      void talk.send(message, stdin('x'.repeat(400_000))).catch(() => {})
      return talk.closed
    })
    await within('all clients have left', Promise.all(talks))
    await runner().settled()
  })
})

it('a conversation that there is no sandbox for says so', async () => {
  const runner = await CodeRunner.ofTest({ SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' })
  const gone = new AbortController()
  // Two run, and a hundred are in the line.
  const others = Array.from({ length: 102 }, () =>
    runner.post(run(PROGRAMS.python.deaf, { timeoutMs: 60_000 }), { signal: gone.signal }),
  )
  const left = Promise.allSettled(others)
  await until('the line is full', async () => (await runner.languages()).python?.waiting === 100)
  const talk = runner.talk()
  await talk.send(run(''))
  const error = { code: 'SANDBOX_QUEUE_FULL', message: expect.any(String) }
  expect(await talk.end()).toEqual([{ type: 'error', error }, 1011])
  gone.abort()
  await left
  await until('all have left', async () => {
    const { python } = await runner.languages()
    return python?.leased === 0 && python.waiting === 0
  })
})
