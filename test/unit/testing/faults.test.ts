import { Hono } from 'hono'
import { SandboxError } from 'hono-sandbox'
import { errorResponse, sandbox, streamSandbox } from 'hono-sandbox/middleware'
import type { TestPoolOptions } from 'hono-sandbox/testing'
import { results } from 'hono-sandbox/testing'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { listen } from '../../helpers/app.js'
import { until } from '../../helpers/until.js'
import { poolOfTest } from '../fakes/test-pool.js'

beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}))

const one = { languages: { python: { size: 1, max: 1 } } }

/** Makes an app whose program `x` runs until something ends it. */
function appWith(options: TestPoolOptions = one) {
  const pool = poolOfTest(options).onCode('x', [results.stdout('some'), results.running()])
  const app = new Hono()
    .use(sandbox({ pool, acquireTimeoutMs: 5000 }))
    .get('/run', async (c) => c.json(await c.get('sandbox').runCode('x', { timeoutMs: 1000 })))
    .get('/stream', (c) => streamSandbox(c, c.get('sandbox').runCode('x')))
  const get = async (path = '/run') => {
    const response = await app.request(path)
    const body: unknown = await response.json()
    return { status: response.status, body }
  }
  return { pool, app, get }
}

describe('faults of programs and containers', () => {
  it('crash() ends the run, the lease and the container', async () => {
    const { pool, get } = appWith()
    const begun = pool.nextRun()
    const response = get()
    await begun
    pool.crash()
    expect(await response).toMatchObject({
      status: 200,
      body: { killedBy: 'crash', signal: 'SIGKILL', exitCode: null },
    })
    pool.onCode('x', results.exit(0))
    expect(await get()).toMatchObject({ body: { exitCode: 0 } })
  })

  it('crash() reaches a client of a stream as its last event', async () => {
    const { pool, app } = appWith()
    const response = await app.request('/stream', { headers: { accept: 'application/x-ndjson' } })
    const events: unknown[] = []
    for await (const chunk of response.body ?? []) {
      if (events.length === 0) pool.crash()
      events.push(JSON.parse(Buffer.from(chunk).toString()))
    }
    expect(events).toMatchObject([
      { type: 'stdout', data: 'some' },
      { type: 'exit', killedBy: 'crash' },
    ])
  })

  it('freeze() stops all answers, so that calls end at their deadline', async () => {
    const { pool, get } = appWith()
    const ends: string[] = []
    pool.on('ended', ({ how }) => ends.push(how))
    const begun = pool.nextRun()
    const response = get()
    await begun
    pool.freeze()
    expect(await response).toMatchObject({ body: { killedBy: 'timeout', exitCode: null } })
    await until('the lease has ended', () => ends.length === 1)
    expect(ends).toEqual(['released'])
  })

  it('loseContexts() loses the variables, and the next run tells', async () => {
    const pool = poolOfTest().onCode('x', results.text('1'))
    const box = await pool.acquire('python')
    expect(() => pool.loseContexts()).toThrow('loseContexts: there is no context')
    const context = await box.createCodeContext()
    pool.loseContexts()
    await expect(box.runCode('x', { context })).rejects.toMatchObject({
      code: 'SANDBOX_CONTEXT_LOST',
      message: expect.stringContaining('low on memory'),
    })
    expect(await box.runCode('x', { context })).toMatchObject({ text: '1', context: 'kept' })
  })

  it('need a container in use', async () => {
    const pool = poolOfTest(one)
    await pool.start()
    await pool.acquire('python')
    expect(() => pool.crash()).toThrow('crash: no container is in use')
    expect(() => pool.freeze()).toThrow('freeze: no container is in use')
  })
})

describe('faults of launches', () => {
  it.each(['SANDBOX_ENGINE_UNAVAILABLE', 'SANDBOX_IMAGE_MISSING'] as const)(
    'failLaunches() answers requests with the status of %s',
    async (code) => {
      const { pool, get } = appWith()
      pool.failLaunches(code)
      await pool.start()
      expect(await get()).toMatchObject({ status: 503, body: { error: { code } } })
    },
  )

  it('failLaunches() can fail a start, and recover() ends it', async () => {
    const pool = poolOfTest(one)
    pool.failLaunches()
    expect((await pool.start()).python).toMatchObject({
      ready: 0,
      errors: [{ code: 'SANDBOX_ENGINE_UNAVAILABLE' }],
    })
    pool.recover()
    await until('a container is ready', () => pool.stats().python?.ready === 1)
    const other = poolOfTest(one)
    other.failLaunches('SANDBOX_PRELOAD_FAILED')
    await expect(other.start()).rejects.toMatchObject({ code: 'SANDBOX_PRELOAD_FAILED' })
  })

  it('loseEngine() ends all containers, and launches fail', async () => {
    const { pool, get } = appWith()
    const begun = pool.nextRun()
    const response = get()
    await begun
    pool.loseEngine()
    expect(await response).toMatchObject({ body: { killedBy: 'crash' } })
    expect(await get()).toMatchObject({
      status: 503,
      body: { error: { code: 'SANDBOX_ENGINE_UNAVAILABLE' } },
    })
    pool.recover()
    pool.onCode('x', results.exit(0))
    await until('a request is served', async () => (await get()).status === 200)
  })

  it('holdLaunches() lets a request wait, at most until its deadline', async () => {
    const { pool, get } = appWith()
    pool.holdLaunches()
    pool.onCode('x', results.exit(0))
    const response = get()
    await until('the request waits', () => pool.stats().python?.waiting === 1)
    pool.recover()
    expect(await response).toMatchObject({ status: 200 })

    const { pool: slow } = appWith()
    slow.holdLaunches()
    const impatient = new Hono().get('/', sandbox({ pool: slow, acquireTimeoutMs: 1 }), (c) =>
      c.text(''),
    )
    const late = await impatient.request('/')
    expect([late.status, await late.json()]).toMatchObject([
      503,
      { error: { code: 'SANDBOX_ACQUIRE_TIMEOUT' } },
    ])
    const leftOver: string[] = []
    slow.on('removeFailed', ({ name }) => leftOver.push(name))
    await slow.close({ deadlineMs: 0 })
    expect(leftOver).toEqual([])
  })
})

describe('real behaviour of the library', () => {
  it('a full queue refuses a request', async () => {
    const { pool, get } = appWith({ ...one, maxWaiting: 0 })
    await pool.start()
    const begun = pool.nextRun()
    const first = get()
    await begun
    expect(await get()).toMatchObject({
      status: 503,
      body: { error: { code: 'SANDBOX_QUEUE_FULL' } },
    })
    pool.crash()
    await first
  })

  it('a client that leaves ends the program and the lease', async () => {
    const { pool, app } = appWith()
    const ends: string[] = []
    pool.on('ended', ({ how }) => ends.push(how))
    const url = await listen(app)
    const client = new AbortController()
    const begun = pool.nextRun()
    const request = fetch(`${url}/run`, { signal: client.signal })
    await begun
    client.abort()
    await expect(request).rejects.toThrow('aborted')
    await until('the lease has ended', () => ends.length === 1)
    expect(ends).toEqual(['aborted'])
    expect(pool.runs[0]?.signal.aborted).toBe(true)
  })

  it('files have the errors of a container, and the app its responses', async () => {
    const pool = poolOfTest({ workspaceSize: '1k' })
    const app = new Hono()
      .use(sandbox({ pool }))
      .get('/:file', async (c) => {
        const content = await c.get('sandbox').readFile(c.req.param('file'), { format: 'stream' })
        return c.body(content)
      })
      .put('/:file', async (c) => {
        await c.get('sandbox').writeFile(c.req.param('file'), await c.req.text())
        return c.text('')
      })
      .onError((error, c) => (error instanceof SandboxError ? errorResponse(c, error) : c.text('')))
    const missing = await app.request('/missing')
    expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('ENOENT')])
    const large = await app.request('/large', { method: 'PUT', body: 'x'.repeat(1025) })
    expect([large.status, await large.text()]).toEqual([500, expect.stringContaining('ENOSPC')])
  })

  it('a time limit can be tested with fake timers', async () => {
    const { pool, get } = appWith()
    await pool.start()
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const response = get()
    await vi.advanceTimersByTimeAsync(999)
    expect(pool.runs[0]?.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(2)
    expect(await response).toMatchObject({ body: { killedBy: 'timeout', durationMs: 1001 } })
  })
})
