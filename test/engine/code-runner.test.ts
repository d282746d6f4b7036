import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { containersOf, ownerOf, runtimes } from '../helpers/engine.js'
import { ServerProcess } from '../helpers/server.js'
import { until } from '../helpers/until.js'

const MAIN = fileURLToPath(new URL('../../dist/examples/code-runner/main.js', import.meta.url))

const Answer = v.strictObject({
  stdout: v.string(),
  stderr: v.string(),
  exitCode: v.nullable(v.number()),
  signal: v.nullable(v.string()),
  killedBy: v.nullable(v.string()),
  truncated: v.boolean(),
  durationMs: v.number(),
  container: v.strictObject({ name: v.string(), runtime: v.string() }),
})
const Health = v.object({
  status: v.string(),
  languages: v.record(v.string(), v.object({ idle: v.number(), leased: v.number() })),
})

const start = (env: NodeJS.ProcessEnv) => new ServerProcess(process.execPath, [MAIN], { env })

const pythonOf = async (url: string) => {
  const answer = await fetch(`${url}/healthz`)
  return v.parse(Health, await answer.json()).languages.python
}

async function post(url: string, body: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'content-type': 'application/json' }
  return fetch(`${url}/run`, { method: 'POST', headers, body: text })
}

describe.each(runtimes)('the code runner under %s', (runtime) => {
  let server: ServerProcess
  const run = async (body: object) => {
    const answer = await post(server.url, body)
    expect(answer.status).toBe(200)
    return v.parse(Answer, await answer.json())
  }

  beforeAll(async () => {
    server = start({ SANDBOX_RUNTIME: runtime })
    const line = await server.started()
    expect(line).toContain(`runtime ${runtime}`)
  })
  afterAll(async () => {
    await server.end('SIGKILL')
  })

  it('runs Python with stdin, args and env', async () => {
    const code = 'import os, sys\nprint(sys.stdin.read(), sys.argv[1:], os.environ["A"], "é")'
    const answer = await run({
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
      container: { runtime },
    })
    expect(answer.durationMs).toBeGreaterThan(0)
    expect(answer.container.name).toMatch(/^sandbox_python_/)
  })

  it('runs Node, with import and with require', async () => {
    const esm = 'import os from "node:os"\nconsole.log(await Promise.resolve(os.EOL.length))'
    expect(await run({ language: 'nodejs', code: esm })).toMatchObject({
      stdout: '1\n',
      exitCode: 0,
    })
    const cjs = 'const os = require("os")\nconsole.log(os.EOL.length, process.argv[2])'
    const answer = await run({ language: 'nodejs', code: cjs, args: ['x'] })
    expect(answer).toMatchObject({ stdout: '1 x\n', exitCode: 0 })
  })

  it.each([
    ['python', 'def f(:', 'SyntaxError'],
    ['python', '1/0', 'ZeroDivisionError'],
    ['nodejs', 'let = ;', 'SyntaxError'],
    ['nodejs', 'null.x', 'TypeError'],
  ])('an error of the code is a result: %s %s', async (language, code, name) => {
    const answer = await run({ language, code })
    expect(answer).toMatchObject({ exitCode: 1, killedBy: null })
    expect(answer.stderr).toContain(name)
  })

  it('a loop ends at its timeout', async () => {
    const answer = await run({ language: 'python', code: 'while True: pass', timeoutMs: 300 })
    expect(answer).toMatchObject({ exitCode: null, signal: 'SIGKILL', killedBy: 'timeout' })
  })

  it('every request has a container that nobody had before', async () => {
    const code = 'import os\nprint(os.listdir("."))\nopen("left", "w").write("x")'
    const answers = []
    for (let count = 0; count < 5; count++) answers.push(await run({ language: 'python', code }))
    expect(answers.map(({ stdout }) => stdout)).toEqual(Array(5).fill('[]\n'))
    expect(new Set(answers.map(({ container }) => container.name)).size).toBe(5)
  })

  it('more requests than containers: all are answered', async () => {
    const codes = Array.from({ length: 12 }, (_, at) => `print(${at})`)
    const answers = await Promise.all(codes.map((code) => run({ language: 'python', code })))
    expect(answers.map(({ stdout }) => stdout)).toEqual(codes.map((_, at) => `${at}\n`))
  })

  it('bad input is 400 and does not come back in the message', async () => {
    const secret = 'print("s3cr3t")'
    const bodies = [
      `{ "language": "python", "code": ${secret}`,
      { language: 'cobol', code: secret },
      { language: secret, code: 'x' },
      { language: 'python' },
      { language: 'python', code: 5 },
      { language: 'python', code: 'x', timeoutMs: -1 },
      { language: 'python', code: 'x', timeoutMs: 's3cr3t' },
      { language: 'python', code: 'x', env: { A: 1 } },
      { language: 'python', code: 'x', args: ['a\0s3cr3t'] },
      [],
    ]
    for (const body of bodies) {
      const answer = await post(server.url, body)
      expect(answer.status, JSON.stringify(body)).toBe(400)
      const text = await answer.text()
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
      expect(text).not.toContain('s3cr3t')
    }
  })

  it('a body above 1 MiB is 413, one below is run', async () => {
    const tooLong = await post(server.url, { language: 'python', code: '#'.repeat(1024 * 1024) })
    expect(tooLong.status).toBe(413)
    const long = `${'#'.repeat(1024 * 1024 - 100)}\nprint(1)`
    expect(await run({ language: 'python', code: long })).toMatchObject({ stdout: '1\n' })
  })

  it('healthz tells what there is', async () => {
    await until('the pool is full', async () => (await pythonOf(server.url))?.idle === 2)
    const answer = await fetch(`${server.url}/healthz`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      status: 'ok',
      languages: { python: { ready: 2, idle: 2, leased: 0, waiting: 0, runtime } },
    })
  })

  it('a client that leaves frees its place', async () => {
    const gone = new AbortController()
    const request = fetch(`${server.url}/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ language: 'python', code: 'while True: pass', timeoutMs: 60_000 }),
      signal: gone.signal,
    })
    const leased = async () => (await pythonOf(server.url))?.leased
    await until('it runs', async () => (await leased()) === 1)
    gone.abort()
    await expect(request).rejects.toThrow()
    await until('its place is free', async () => (await leased()) === 0)
  })
})

describe('the code runner ends', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s: drained, exit code 0, nothing left',
    async (signal) => {
      const server = start({ SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' })
      await server.started()
      const code = 'import time\nprint("a", flush=True)\ntime.sleep(1)\nprint("b")'
      const running = post(server.url, { language: 'python', code })
      await until('it runs', async () => (await pythonOf(server.url))?.leased === 1)
      const ended = server.end(signal)
      const answer = v.parse(Answer, await (await running).json())
      expect(answer).toMatchObject({ stdout: 'a\nb\n', exitCode: 0 })
      expect(await ended).toBe(0)
      expect(await containersOf(ownerOf(answer.container.name))).toEqual([])
    },
  )

  it('with a sentence where it cannot start', async () => {
    const server = start({ SANDBOX_MAX_MEMORY: 'lots' })
    await expect(server.started()).rejects.toThrow(/SANDBOX_MAX_MEMORY is "lots"/)
    expect(server.child.exitCode).toBe(1)
  })

  it('but serves 503 where no engine answers', async () => {
    const server = start({ DOCKER_HOST: 'unix:///nowhere/docker.sock' })
    await server.started()
    const health = await fetch(`${server.url}/healthz`)
    expect(health.status).toBe(503)
    const answer = await post(server.url, { language: 'python', code: 'print(1)' })
    expect(answer.status).toBe(503)
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'SANDBOX_ENGINE_UNAVAILABLE' } })
    expect(text).not.toContain('/nowhere')
    expect(await server.end('SIGTERM')).toBe(0)
  })
})
