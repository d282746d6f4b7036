import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { serve } from '@hono/node-server'
import { SandboxPool } from 'hono-sandbox'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { ragflow, type RagflowOptions } from '../../examples/ragflow/app.js'
import { collectArtifacts } from '../../examples/ragflow/artifacts.js'
import { runtimes, usePool } from '../helpers/engine.js'
import { fetchOnce, urlOf } from '../helpers/http.js'
import { until } from '../helpers/until.js'

const Text = v.nullable(v.string())
/** The `CodeExecutionResult` of RAGFlow. */
const Answer = v.strictObject({
  status: v.string(),
  stdout: v.string(),
  stderr: v.string(),
  exit_code: v.pipe(v.number(), v.integer()),
  detail: Text,
  time_used_ms: v.nullable(v.number()),
  memory_used_kb: v.nullable(v.number()),
  resource_limit_type: Text,
  unauthorized_access_type: Text,
  runtime_error_type: Text,
  artifacts: v.array(
    v.strictObject({
      name: v.string(),
      mime_type: v.string(),
      size: v.number(),
      content_b64: v.string(),
    }),
  ),
  result: v.nullable(
    v.strictObject({ present: v.literal(true), value: v.unknown(), type: v.literal('json') }),
  ),
})

const base64 = (text: string) => Buffer.from(text).toString('base64')
const body = (code: string, language = 'python', args?: object) =>
  JSON.stringify({ code_b64: base64(code), language, arguments: args })

const limit = (type: string) => ({
  status: 'resource_limit_exceeded',
  resource_limit_type: type,
  runtime_error_type: null,
})
const access = (type: string) => ({
  status: 'unauthorized_access',
  unauthorized_access_type: type,
  runtime_error_type: null,
})

const NONZERO = { status: 'program_error', runtime_error_type: 'nonzero_exit' }

/** The language and the code, and the exit code, the text in stderr and the kind of its failure. */
const FAILURES = [
  ['python', 'def main(): return bytearray(2**31 - 1)[0]', -137, 'OOM', limit('memory')],
  ['python', 'def main(): raise MemoryError()', 1, 'MemoryError', limit('memory')],
  ['python', 'def main(): print("x" * 2_000_000)', -1, 'Output limit', limit('output')],
  ['python', 'import os\ndef main(): os.setuid(0)', 1, 'Errno 1', access('disallowed_syscall')],
  ['python', 'def main(): open("/root/x")', 1, 'Errno 13', access('file_access')],
  ['python', 'def main(): print(1); raise ValueError("no")', 1, 'ValueError: no'],
  ['python', 'def main(: pass', 1, 'SyntaxError'],
  ['python', 'def main(): return [float("nan")]', 1, 'NaN'],
  ['python', 'x = 1', 1, "there is no 'main'"],
  ['python', 'import os\nos.close(2)\ndef main(): raise ValueError("no")', 1, 'ValueError: no'],
  ['python', 'import sys\ndef main(): sys.exit(124)', 124, 'exited with code 124'],
  ['python', 'import os\ndef main(): os.kill(os.getpid(), 11)', 139, 'SIGSEGV'],
  ['nodejs', 'function main() {}', 1, 'main() must return a value'],
  ['nodejs', 'module.exports.other = 1', 1, 'main is not defined'],
  ['nodejs', 'function main() { process.exit(3) }', 3, 'exited with code 3'],
] as const

describe.each(runtimes)('the executor of RAGFlow under %s', (runtime) => {
  const pool = usePool({
    runtime,
    languages: { python: { size: 2, max: 4 }, nodejs: { size: 1, max: 2 } },
    maxWaiting: 5,
    maxPerTenant: 1,
    maxWaitingPerTenant: 1,
  })
  let server: ReturnType<typeof serve> | undefined
  let url = ''
  beforeAll(async () => {
    const { fetch } = ragflow({ pool: pool(), acquireTimeoutMs: 60_000 })
    server = serve({ fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    url = urlOf(server)
  })
  afterAll(() => void server?.close())

  const request = (content: string): RequestInit => ({
    method: 'POST',
    body: content,
    headers: { 'content-type': 'application/json' },
  })
  const answerOf = async (response: Response) => {
    expect(response.status).toBe(200)
    return v.parse(Answer, await response.json())
  }
  const run = async (code: string, language?: string, args?: object) =>
    answerOf(await fetchOnce(`${url}/run`, request(body(code, language, args))))
  /** Runs in an app with options of its own. */
  const runWith = async (options: RagflowOptions, code = 'def main(): return 1') =>
    answerOf(await ragflow(options).request('/run', request(body(code))))

  it('calls main of each language with the arguments', async () => {
    expect(await (await fetchOnce(`${url}/healthz`)).json()).toEqual({ status: 'ok' })
    const python = 'def main(a, b=2):\n  print("hi")\n  return {"sum": a + b}'
    expect(await run(python, 'python', { a: 40 })).toEqual({
      status: 'success',
      stdout: 'hi\n',
      stderr: '',
      exit_code: 0,
      detail: null,
      time_used_ms: expect.any(Number),
      memory_used_kb: expect.any(Number),
      resource_limit_type: null,
      unauthorized_access_type: null,
      runtime_error_type: null,
      artifacts: [],
      result: { present: true, value: { sum: 42 }, type: 'json' },
    })
    const node =
      'async function main({ items }) { return items.length }\nmodule.exports = { main };'
    expect(await run(node, 'nodejs', { items: [1, 2] })).toMatchObject({
      memory_used_kb: 0,
      result: { value: 2 },
    })
    expect(await run('def main(): pass')).toMatchObject({ result: { value: null } })
    const exits = 'import sys\ndef main():\n  print("[1]")\n  sys.exit(0)'
    expect(await run(exits)).toMatchObject({ status: 'success', stdout: '[1]\n', result: null })
  })

  it('answers each failure without output and without a result', async () => {
    const isFailure = { stdout: '', result: null, artifacts: [] }
    for (const [language, code, exitCode, stderr, fields = NONZERO] of FAILURES) {
      const answer = await run(code, language)
      expect(answer, code).toMatchObject({ exit_code: exitCode, ...fields, ...isFailure })
      expect(answer.stderr, code).toContain(stderr)
    }
    const endless = 'def main():\n  print(1)\n  while True: pass'
    expect(await runWith({ pool: pool(), timeoutMs: 300 }, endless)).toMatchObject({
      exit_code: -124,
      stderr: 'Execution timeout',
      ...limit('time'),
      ...isFailure,
    })
  })

  it('keeps the result of a program whose container is gone before its artifacts', async () => {
    const box = await pool().acquire('python', { timeoutMs: 60_000 })
    box.release()
    expect(await collectArtifacts(box)).toEqual([])
  })

  it('collects the artifacts that RAGFlow accepts', async () => {
    const code = `
import os
def main(count):
    for i in range(count): open(f"artifacts/{i}.csv", "w").write("1")
    open("artifacts/Chart.PNG", "wb").write(b"png")
    for name in ["a.exe", ".b.csv", "c..csv", "none"]: open(f"artifacts/{name}", "w").write("x")
    open("artifacts/empty.csv", "w")
    open("artifacts/large.pdf", "wb").truncate(10 * 1024 * 1024 + 1)
    os.makedirs("artifacts/sub.csv")
    os.symlink("/etc/passwd", "artifacts/link.csv")
`
    const few = await run(code, 'python', { count: 1 })
    expect(few.artifacts).toEqual([
      { name: '0.csv', mime_type: 'text/csv', size: 1, content_b64: base64('1') },
      { name: 'Chart.PNG', mime_type: 'image/png', size: 3, content_b64: base64('png') },
    ])
    expect((await run(code, 'python', { count: 20 })).artifacts).toHaveLength(10)
    const replaced =
      'import os\ndef main():\n  os.rmdir("artifacts")\n  os.symlink("/", "artifacts")'
    expect((await run(replaced)).artifacts).toEqual([])
  })

  it('does not hold a container for a client that does not read', async () => {
    const code = 'def main():\n  open("artifacts/a.csv", "w").write("x" * 10 * 1024 * 1024)'
    const { method, headers } = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const client = httpRequest(`${url}/run`, { method, headers }).end(body(code))
    onTestFinished(() => void client.destroy())
    await once(client, 'response')
    const isFree = () => pool().stats().python?.leased === 0
    await until('no container is leased while the client has the response', isFree, 10_000)
  })

  it('logs nothing if a client leaves in the middle of its request', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => log.mockRestore())
    const headers = { 'content-type': 'application/json', 'content-length': 1000 }
    const client = httpRequest(`${url}/run`, { method: 'POST', headers }).on('error', () => {})
    let state = 'sent'
    server?.once('request', (incoming) => {
      state = 'begun'
      incoming.once('close', () => (state = 'closed'))
    })
    client.write('{')
    await until('the server has the request', () => state === 'begun')
    client.destroy()
    await until('the server knows that the client has left', () => state === 'closed')
    expect((await fetchOnce(`${url}/healthz`)).status).toBe(200)
    expect(log).not.toHaveBeenCalled()
  })

  it('refuses a bad request as FastAPI does, and does not quote it', async () => {
    const secret = 'a-secret-of-the-program'
    for (const [content, loc] of [
      ['{', []],
      [JSON.stringify({ code: secret }), ['code_b64']],
      [JSON.stringify({ code_b64: secret }), ['code_b64']],
      [JSON.stringify({ code_b64: '/w==' }), ['code_b64']],
      [JSON.stringify({ code_b64: '', language: secret }), ['language']],
      [JSON.stringify({ code_b64: '', arguments: [secret] }), ['arguments']],
      [`{"code_b64":"","arguments":${'['.repeat(100_000)}`, []],
    ] as const) {
      const response = await fetchOnce(`${url}/run`, request(content))
      expect(response.status).toBe(422)
      const text = await response.text()
      expect(text).not.toContain(secret)
      expect(JSON.parse(text)).toMatchObject({ detail: [{ loc: ['body', ...loc] }] })
    }
    const huge = await fetchOnce(`${url}/run`, request(body('#'.repeat(13 * 1024 * 1024))))
    expect([huge.status, await huge.json()]).toEqual([413, { detail: 'Request body too large' }])
    const form = await fetchOnce(`${url}/run`, { method: 'POST', body: body('') })
    expect(form.status).toBe(422)
  })

  it('answers that the pool is busy, and serves the next request', async () => {
    const held = await Promise.all(
      Array.from({ length: 4 }, async () => pool().acquire('python', { timeoutMs: 60_000 })),
    )
    const busy = {
      status: 'program_runner_error',
      stdout: '',
      stderr: 'Container pool is busy',
      exit_code: -10,
      detail: 'no_available_container',
      result: null,
    }
    let refused = 0
    const answers = Array.from({ length: 1000 }, async () => {
      const answer = await runWith({ pool: pool(), acquireTimeoutMs: 60_000 })
      if (answer.status !== 'success') expect(answer).toMatchObject(busy)
      if (answer.status !== 'success') refused += 1
    })
    await until('all requests but those in the queue are refused', () => refused === 995)
    for (const box of held) box.release()
    await Promise.all(answers)
    expect(refused).toBe(995)
  })

  it('answers the other failures of the executor with their codes', async () => {
    const greedy = Array.from({ length: 4 }, async () =>
      runWith({ pool: pool(), tenant: () => 'one' }),
    )
    const codes = (await Promise.all(greedy)).map(({ exit_code }) => exit_code)
    expect(new Set(codes)).toEqual(new Set([0, -429]))
    const closed = new SandboxPool({ runtime, languages: { python: {} } })
    await closed.close()
    expect(await runWith({ pool: closed })).toMatchObject({
      status: 'program_runner_error',
      exit_code: -3,
      detail: 'internal_error',
    })
    const log = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => log.mockRestore())
    const tenant = () => {
      throw new Error('of the app')
    }
    expect(await runWith({ pool: pool(), tenant })).toMatchObject({
      stderr: 'Internal Server Error',
      exit_code: -999,
      detail: 'unhandled_exception',
    })
    expect(log).toHaveBeenCalledOnce()
  })
})
