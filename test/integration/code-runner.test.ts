import { describe, expect, it } from 'vitest'
import { CodeRunner, useCodeRunner } from '../helpers/code-runner.js'
import { runtimes } from '../helpers/engine.js'
import { answerToHead } from '../helpers/http.js'
import { until } from '../helpers/until.js'

const MIB = 1024 * 1024
const namesUpTo = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`s3cr3t${at}`, '']))

describe.each(runtimes)('the code runner under %s', (runtime) => {
  const runner = useCodeRunner({ SANDBOX_RUNTIME: runtime })
  const python = async () => (await runner().languages()).python

  it('the code runner runs Python with stdin, args and env', async () => {
    const code = 'import os, sys\nprint(sys.stdin.read(), sys.argv[1:], os.environ["A"], "é")'
    const answer = await runner().run({
      language: 'python',
      code,
      stdin: 'in',
      args: ['x'],
      env: { A: 'b' },
    })
    expect(answer).toMatchObject({
      stdout: "in ['x'] b é\n",
      stderr: '',
      exitCode: 0,
      signal: null,
      killedBy: null,
      truncated: false,
      files: [],
      filesOmitted: 0,
      container: { runtime },
    })
    expect(answer.durationMs).toBeGreaterThan(0)
    expect(answer.container.name).toMatch(/^sandbox_python_/)
  })

  it('the code runner runs Node code with import and with require', async () => {
    const esm = 'import os from "node:os"\nconsole.log(await Promise.resolve(os.EOL.length))'
    expect(await runner().run({ language: 'nodejs', code: esm })).toMatchObject({
      stdout: '1\n',
      exitCode: 0,
    })
    const cjs = 'const os = require("os")\nconsole.log(os.EOL.length, process.argv[2])'
    const answer = await runner().run({ language: 'nodejs', code: cjs, args: ['x'] })
    expect(answer).toMatchObject({ stdout: '1 x\n', exitCode: 0 })
  })

  it.each([
    ['python', 'def f(:', 'SyntaxError'],
    ['python', '1/0', 'ZeroDivisionError'],
    ['nodejs', 'let = ;', 'SyntaxError'],
    ['nodejs', 'null.x', 'TypeError'],
  ])('an error of the code is returned as a result: %s %s', async (language, code, name) => {
    const answer = await runner().run({ language, code })
    expect(answer).toMatchObject({ exitCode: 1, killedBy: null, error: { name } })
    expect(answer.stderr).toContain(name)
  })

  it.each([
    ['a loop', 'python', 'while True: pass', 300, 'timeout'],
    ['too much output', 'nodejs', 'for (;;) console.log("x".repeat(1000))', 10_000, 'output'],
  ])(
    '%s is killed, and the answer has the reason',
    async (_, language, code, timeoutMs, killedBy) => {
      const answer = await runner().run({ language, code, timeoutMs })
      expect(answer).toMatchObject({ exitCode: null, signal: 'SIGKILL', killedBy })
    },
  )

  it('the answer has the output of a program that exceeds the memory limit', async () => {
    const code = 'print("a", flush=True)\n"x" * (1 << 30)'
    const answer = await runner().run({ language: 'python', code })
    expect(answer).toMatchObject({ stdout: 'a\n', exitCode: null, files: [] })
    // Under gVisor the engine may be too busy to report the reason in time.
    expect(runtime === 'runc' ? ['oom'] : ['oom', 'crash']).toContain(answer.killedBy)
  })

  it('each request has a new container', async () => {
    const code = 'import os\nprint(os.listdir("."))\nopen("left", "w").write("x")'
    const answers = []
    for (let count = 0; count < 5; count++) {
      answers.push(await runner().run({ language: 'python', code }))
    }
    expect(answers.map(({ stdout }) => stdout)).toEqual(Array(5).fill("['main.py']\n"))
    expect(new Set(answers.map(({ container }) => container.name)).size).toBe(5)
  })

  it('more requests than containers are all answered', async () => {
    const codes = Array.from({ length: 6 }, (_, at) => `print(${at})`)
    const answers = await Promise.all(
      codes.map((code) => runner().run({ language: 'python', code })),
    )
    expect(answers.map(({ stdout }) => stdout)).toEqual(codes.map((_, at) => `${at}\n`))
  })

  it('invalid input is refused with 400, and the message does not echo it', async () => {
    const secret = 'print("s3cr3t")'
    const bodies = [
      `{ "language": "python", "code": ${secret}`,
      { language: 'cobol', code: secret },
      { language: secret, code: 'x' },
      { language: 'python' },
      { language: 'python', code: 5 },
      { language: 'python', code: 'x', s3cr3t: 1 },
      { language: 'python', code: 'x', timeoutMs: -1 },
      { language: 'python', code: 'x', timeoutMs: 's3cr3t' },
      { language: 'python', code: 'x', env: { A: 1 } },
      { language: 'python', code: 'x', env: { 's3cr3t=': 'x' } },
      { language: 'python', code: 'x', args: ['a\0s3cr3t'] },
      { language: 'python', code: 'x', args: ['s3cr3t\ud800'] },
      { language: 'python', code: 'x', args: Array(1001).fill('s3cr3t') },
      { language: 'python', code: 'x', args: ['s3cr3t'.repeat(30_000)] },
      { language: 'python', code: 'x', env: namesUpTo(1001) },
      { language: 'python', code: 'x', env: { A: 's3cr3t'.repeat(30_000) } },
      [],
      'null',
    ]
    for (const body of bodies) {
      const answer = await runner().post(body)
      const text = await answer.text()
      expect(answer.status, JSON.stringify(body)).toBe(400)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
      expect(text).not.toContain('s3cr3t')
    }
  })

  it.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
    'a body of the type %s is refused with 415',
    async (type) => {
      const headers = type ? { 'content-type': type } : undefined
      const body = new Blob(['{ "language": "python", "code": "1" }'])
      const answer = await fetch(`${runner().url}/run`, { method: 'POST', headers, body })
      expect(answer.status).toBe(415)
      expect(await answer.json()).toMatchObject({ error: { code: 'UNSUPPORTED_MEDIA_TYPE' } })
    },
  )

  it('a body above 8 MiB is refused with 413, and a body of 8 MiB is accepted', async () => {
    const program = (length: number) => {
      const [head, tail] = ['{ "language": "python", "code": "print(1) #', '" }']
      return head + '#'.repeat(length - head.length - tail.length) + tail
    }
    const tooLong = program(8 * MIB + 1)
    const url = `${runner().url}/run`
    const headers = { 'content-type': 'application/json' }
    const body = new Blob([tooLong]).stream()
    const refused = [413, { error: { code: 'BODY_TOO_LARGE' } }]
    const known = { ...headers, 'content-length': tooLong.length }
    expect(await answerToHead(url, { method: 'POST', headers: known })).toMatchObject(refused)
    const chunked = await fetch(url, { method: 'POST', headers, body, duplex: 'half' })
    expect([chunked.status, await chunked.json()]).toMatchObject(refused)
    expect(await runner().run(program(8 * MIB))).toMatchObject({ stdout: '1\n' })
  })

  it('a program whose JSON exceeds the limit of a request is refused with 400', async () => {
    const form = new FormData()
    form.set('language', 'python')
    form.set('code', '\u0001'.repeat(3 * MIB))
    const answer = await runner().post(form)
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { code: 'BAD_REQUEST', message: expect.stringContaining('code, args and env') } },
    ])
  })

  it.each(['/healthz', '/readyz'])('%s returns the state of the pools', async (path) => {
    await runner().settled()
    const answer = await fetch(runner().url + path)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      status: 'ok',
      languages: { python: { ready: 1, idle: 1, leased: 0, waiting: 0, runtime } },
    })
  })

  it('a disconnect of the client ends the lease', async () => {
    const disconnect = new AbortController()
    const body = { language: 'python', code: 'while True: pass', timeoutMs: 60_000 }
    const request = runner().post(body, { signal: disconnect.signal })
    await until('the program runs', async () => (await python())?.leased === 1)
    disconnect.abort()
    await expect(request).rejects.toThrow()
    await until('the lease has ended', async () => (await python())?.leased === 0)
  })
})

describe('the code runner', () => {
  it('a code runner that cannot start prints the reason', async () => {
    const runner = new CodeRunner({ SANDBOX_MAX_MEMORY: 'lots' })
    await expect(runner.process.started()).rejects.toThrow(/SANDBOX_MAX_MEMORY is "lots"/)
    expect(runner.process.child.exitCode).toBe(1)
  })

  it('a code runner that other machines can reach does not start without a token', async () => {
    const runner = new CodeRunner({ HOST: '0.0.0.0' })
    await expect(runner.process.started()).rejects.toThrow(/set CODE_RUNNER_TOKEN to a secret/)
    expect(runner.process.child.exitCode).toBe(1)
  })

  it('the code runner answers 503 and an error event if no engine answers', async () => {
    const runner = await CodeRunner.ofTest({ DOCKER_HOST: 'unix:///nowhere/docker.sock' })
    const statusOf = async (path: string) => (await fetch(runner.url + path)).status
    expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 503])
    const run = { language: 'python', code: 'print(1)' }
    const code = 'SANDBOX_ENGINE_UNAVAILABLE'
    for (const answer of [await runner.post(run), await runner.stream(run)]) {
      expect(answer.status).toBe(503)
      const text = await answer.text()
      expect(JSON.parse(text)).toMatchObject({ error: { code } })
      expect(text).not.toContain('/nowhere')
    }
    const client = runner.connect()
    await client.send(run)
    expect(await client.end()).toMatchObject([{ type: 'error', error: { code } }, 1011])
    expect(JSON.stringify(client.events)).not.toContain('/nowhere')
    expect(await runner.process.end('SIGTERM')).toBe(0)
  })
})
