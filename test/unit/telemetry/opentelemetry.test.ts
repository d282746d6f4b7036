import { METRICS } from 'hono-sandbox/metrics'
import { instrumentPool } from 'hono-sandbox/opentelemetry'
import { results } from 'hono-sandbox/testing'
import { SpanStatusCode } from '@opentelemetry/api'
import { Hono } from 'hono'
import { runSocket } from 'hono-sandbox/client'
import { sandbox } from 'hono-sandbox/middleware'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { TestSdk } from '../../helpers/telemetry.js'
import { until } from '../../helpers/until.js'
import { connect, serveWebsocket } from '../../helpers/websocket-app.js'
import { poolOfTest } from '../fakes/test-pool.js'

const warn = vi.fn()
beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(warn))

const one = { languages: { python: { size: 1, max: 1 } } }

/** Makes an app whose requests have a span each. The code is the body of a request. */
function appWith() {
  const pool = poolOfTest(one)
  const sdk = TestSdk.ofTest(pool)
  const app = new Hono()
    .use((c, next) => sdk.inSpan(c.req.path, next))
    .use(sandbox({ pool, acquireTimeoutMs: 5000 }))
    .post('/*', async (c) => {
      const { killedBy } = await c.get('sandbox').runCode(await c.req.text())
      return c.text(killedBy ?? 'ok')
    })
  const post = async (path: string, body = 'pass') =>
    (await app.request(path, { method: 'POST', body })).text()
  return { pool, sdk, post }
}

const spanOf = (sdk: TestSdk, name: string) => sdk.spans.find((span) => span.name === name)

describe('the spans of a pool', () => {
  it('are children of the span of their own request, also for callers that waited', async () => {
    const { pool, sdk, post } = appWith()
    pool.onCode('pass', results.exit(0))
    await Promise.all(['/a', '/b', '/c'].map((path) => post(path)))
    await pool.close()
    const ofRequests = sdk.paths.filter((path) => path.startsWith('/')).sort()
    const spans = ['sandbox.acquire', 'sandbox.lease', 'sandbox.recycle', 'sandbox.run']
    expect(ofRequests).toEqual(
      ['/a', '/b', '/c'].flatMap((path) =>
        ['', ...spans.map((name) => ` > ${name}`)].map((rest) => path + rest),
      ),
    )
  })

  it('of a launch has a trace of its own, with a link to the request that caused it', async () => {
    const { pool, sdk, post } = appWith()
    pool.onCode('pass', results.exit(0))
    await post('/a')
    await pool.close()
    const request = spanOf(sdk, '/a')?.spanContext()
    const launch = spanOf(sdk, 'sandbox.launch')
    expect(launch?.parentSpanContext).toBeUndefined()
    expect(launch?.links.map((link) => link.context.traceId)).toEqual([request?.traceId])
  })

  it('have the durations of the events', async () => {
    const { pool, sdk, post } = appWith()
    const held: number[] = []
    pool.on('ended', ({ heldMs }) => held.push(heldMs))
    pool.onCode('pass', results.exit(0))
    await post('/a')
    const [seconds = 0, nanoseconds = 0] = spanOf(sdk, 'sandbox.lease')?.duration ?? []
    expect(seconds * 1000 + nanoseconds / 1e6).toBeCloseTo(held[0] ?? -1, 2)
    await pool.close()
  })

  it('say how a program, a lease and a refused caller ended', async () => {
    const { pool, sdk, post } = appWith()
    pool.onCode('boom', results.killed('oom'))
    expect(await post('/a', 'boom')).toBe('oom')
    expect(spanOf(sdk, 'sandbox.run')).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'oom' },
      attributes: {
        'sandbox.language': 'python',
        'sandbox.call': 'runCode',
        'sandbox.killed_by': 'oom',
        'container.name': expect.stringContaining('sandbox_python'),
        'container.image.name': pool.stats().python?.image,
        'container.runtime.name': pool.stats().python?.runtime,
      },
    })
    await until('the lease has a span', () => spanOf(sdk, 'sandbox.lease') !== undefined)
    expect(spanOf(sdk, 'sandbox.lease')?.attributes).toMatchObject({
      'sandbox.lease.end': 'released',
      'sandbox.lease.released': 'recreated',
    })
    await pool.close()
    await post('/b')
    expect(sdk.spans.findLast(({ name }) => name === 'sandbox.acquire')).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'SANDBOX_CLOSED' },
      attributes: { 'error.type': 'SANDBOX_CLOSED' },
    })
  })

  it('keep no caller when its container is back or removed', async () => {
    const { pool, sdk } = appWith()
    await pool.start()
    const sandbox = await sdk.inSpan('first', () => pool.acquire('python'))
    expect(sandbox.release()).toBe('returned')
    await pool.close()
    expect(sdk.paths).toContain('first > sandbox.lease')
    expect(sdk.paths).toContain('sandbox.recycle')
  })
})

describe('the spans of a WebSocket', () => {
  it('are children of the span of its request', async () => {
    const pool = poolOfTest(one).onCode('pass', results.exit(0))
    const sdk = TestSdk.ofTest(pool)
    const { url } = await serveWebsocket({ pool, language: 'python' }, (_, next) =>
      sdk.inSpan('upgrade', next),
    )
    const run = runSocket(url, { code: 'pass' }, { connect })
    for await (const event of run) expect(event).toMatchObject({ type: 'exit' })
    await pool.close()
    expect(sdk.paths.filter((path) => path.startsWith('upgrade >')).sort()).toEqual([
      'upgrade > sandbox.acquire',
      'upgrade > sandbox.lease',
      'upgrade > sandbox.recycle',
      'upgrade > sandbox.run',
    ])
  })
})

describe('spans and metrics', () => {
  it('have nothing of the code, its output, its variables, its session or its tenant', async () => {
    const mark = 'mark7351'
    const pool = poolOfTest({ languages: { python: { size: 1, max: 2 } } })
    const sdk = TestSdk.ofTest(pool)
    const failing = results.error({ name: mark, message: mark })
    pool.onCode(mark, [results.stdout(mark), results.files({ [`${mark}.txt`]: mark }), failing])
    pool.onExec(/./, [results.stderr(mark), results.killed('crash')])
    const tenant = { tenant: mark, env: { [mark]: mark } }
    const box = await pool.session('python', mark, tenant)
    await box.writeFile(mark, mark)
    await box.runCode(mark, { stdin: mark, args: [mark], env: { [mark]: mark } })
    await box.exec(['echo', mark])
    await pool.session('python', `${mark}-2`, { ...tenant, timeoutMs: 1 }).catch(() => {})
    await pool.close({ deadlineMs: 0 })
    const spans = sdk.spans.map(({ name, attributes, events, status, links }) => ({
      name,
      attributes,
      events,
      status,
      links,
    }))
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['sandbox.run']))
    expect(JSON.stringify(spans)).not.toContain(mark)
    expect(await sdk.text()).not.toContain(mark)
  })
})

describe('the metrics of a pool', () => {
  it('have the names, units and attributes of METRICS, and only those', async () => {
    const { pool, sdk, post } = appWith()
    pool.onCode('boom', results.killed('crash')).onCode('pass', results.exit(0))
    await post('/a', 'boom')
    await post('/a')
    const waiting = await pool.acquire('python')
    await pool.acquire('python', { timeoutMs: 0 }).catch(() => {})
    await pool.acquire('python', { timeoutMs: 1 }).catch(() => {})
    waiting.release()
    await pool.close()
    const found = (await sdk.collect()).scopeMetrics.flatMap(({ metrics }) => metrics)
    expect(found.map(({ descriptor }) => descriptor.name).sort()).toEqual(
      Object.keys(METRICS).sort(),
    )
    for (const { descriptor, dataPoints } of found) {
      const metric = Object.entries(METRICS).find(([name]) => name === descriptor.name)?.[1]
      expect(descriptor, descriptor.name).toMatchObject({
        unit: metric?.unit,
        description: metric?.description,
      })
      const names = new Set(dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
      for (const name of names) expect(metric?.attributes, descriptor.name).toContain(name)
    }
  })

  it('stop when the returned function is called, and leave no listener', async () => {
    const pool = poolOfTest(one)
    const sdk = new TestSdk()
    const stop = instrumentPool(pool, sdk)
    expect(pool.listenerCount('event')).toBeGreaterThan(0)
    stop()
    expect(pool.listenerCount('event')).toBe(0)
    await pool.start()
    expect(sdk.spans).toEqual([])
    expect((await sdk.collect()).scopeMetrics.flatMap(({ metrics }) => metrics)).toEqual([])
    await pool.close()
  })

  it('do not replace the warning of a failed launch', async () => {
    const { pool } = appWith()
    await pool.start()
    pool.failLaunches()
    const failed = new Promise((resolve) => {
      pool.on('event', ({ type }) => type === 'launchFailed' && resolve(undefined))
    })
    const box = await pool.acquire('python')
    await box.runCode('x').catch(() => {})
    box.release()
    await failed
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('could not be launched'),
      expect.objectContaining({ code: 'SANDBOX_ENGINE_UNAVAILABLE' }),
    )
    await pool.close({ deadlineMs: 0 })
  })
})
