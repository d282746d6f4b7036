import { once } from 'node:events'
import type { MiddlewareHandler } from 'hono'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { timeout } from 'hono/timeout'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ExecHandle, ExecResult } from '../../src/index.js'
import type { SandboxEnv } from '../../middleware/index.js'
import { sandbox, streamSandbox } from '../../middleware/index.js'
import { endOfLease, hangUp, listen } from '../helpers/app.js'
import { leaseOfTest, poolOfTest, usePool } from '../helpers/engine.js'
import { BodyReader, eventsIn, textOf } from '../helpers/events.js'
import { until, within } from '../helpers/until.js'

const pool = usePool({ runtime: 'runc', languages: { python: { size: 2, max: 4 } } })
beforeEach(() =>
  until('a container is idle and none is leased', () => {
    const { leased, idle = 0 } = pool().stats().python ?? {}
    return leased === 0 && idle > 0
  }),
)

/** Writes a line every 20 ms, until it is killed. */
const ENDLESS = 'while :; do echo tick; sleep 0.02; done'
const NDJSON = { accept: 'application/x-ndjson' }

/** Makes an app that streams a command. `result` returns the result of the command. */
function appOf(command: string, outside: MiddlewareHandler<SandboxEnv>[] = []) {
  const results: ExecResult[] = []
  const app = new Hono<SandboxEnv>()
  for (const each of outside) app.use(each)
  app.use(sandbox({ pool: pool() }))
  app.get('/run', (c) => {
    const handle = c.get('sandbox').exec(command)
    const response = streamSandbox(c, handle)
    void handle.then((result) => results.push(result))
    return response
  })
  const result = async () => {
    await until('the program has ended', () => results.length > 0)
    return results[0]
  }
  return { app, result }
}

const replace: MiddlewareHandler = async (c, next) => {
  await next()
  c.res = new Response('replaced')
}
const throwAfter: MiddlewareHandler = async (_, next) => {
  await next()
  throw new Error('outer')
}
/** A middleware that transforms the body of the response. */
const gzip: MiddlewareHandler = async (c, next) => {
  await next()
  c.res = new Response(c.res.body?.pipeThrough(new CompressionStream('gzip')), c.res)
}

describe('a stream on a socket', () => {
  it.each([
    ['text/event-stream', {}],
    ['application/x-ndjson', NDJSON],
  ])(
    'streamSandbox() sends all events as %s and ends the lease',
    async (type, headers: Record<string, string>) => {
      const end = endOfLease(pool())
      const { app } = appOf('echo out; echo err >&2; exit 3')
      const answer = await fetch(`${await listen(app)}/run`, { headers })
      expect(answer.status).toBe(200)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'cache-control': 'no-cache, no-transform',
        'content-type': type,
        vary: 'Accept',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      })
      const events = eventsIn(await answer.text())
      expect(textOf(events, 'stdout')).toBe('out\n')
      expect(textOf(events, 'stderr')).toBe('err\n')
      expect(events.at(-1)).toEqual({
        type: 'exit',
        exitCode: 3,
        signal: null,
        durationMs: expect.any(Number),
        usage: { cpuMs: expect.any(Number), maxRssBytes: expect.any(Number) },
        truncated: false,
      })
      expect(await end()).toEqual({ how: 'released', released: 'recreated' })
    },
  )

  it.each<[string, MiddlewareHandler<SandboxEnv>[]]>([
    ['without another middleware', []],
    ['under compress()', [compress()]],
    ['under a middleware that compresses the body', [gzip]],
    ['under etag()', [etag()]],
    ['under timeout()', [timeout(60_000)]],
  ])('a disconnect kills the program, %s', async (_, outside) => {
    const end = endOfLease(pool())
    const { app, result } = appOf(ENDLESS, outside)
    await hangUp(`${await listen(app)}/run`, { 'accept-encoding': 'gzip' })
    expect(await end()).toEqual({ how: 'aborted', released: 'recreated' })
    expect(await result()).toMatchObject({ exitCode: null, killedBy: 'abort' })
  })

  it.each([
    ['replaces c.res', replace, 200, 'replaced'],
    ['throws', throwAfter, 500, 'Internal Server Error'],
  ])(
    'an outer middleware that %s kills the program and ends the lease',
    async (_, outer, status, text) => {
      const end = endOfLease(pool())
      const { app, result } = appOf(ENDLESS, [outer])
      app.onError((_, c) => c.text('Internal Server Error', 500))
      const answer = await fetch(`${await listen(app)}/run`)
      expect([answer.status, await answer.text()]).toEqual([status, text])
      expect(await end()).toEqual({ how: 'released', released: 'recreated' })
      expect(await result()).toMatchObject({ killedBy: 'abort' })
    },
  )

  it('streamSandbox() under etag() sends each event at once', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const app = new Hono<SandboxEnv>().use(etag())
    const wait = 'echo one; while [ ! -e go ]; do sleep 0.02; done; echo two'
    app.get('/run', (c) => streamSandbox(c, held.exec(wait)))
    const reader = new BodyReader(
      await within('the headers arrive', fetch(`${await listen(app)}/run`)),
    )
    await within('the first event arrives', reader.until('one'))
    await held.writeFile('go', '')
    expect(textOf(eventsIn(await reader.rest()), 'stdout')).toBe('one\ntwo\n')
  })

  it('a HEAD request gets the headers of a stream and ends the lease', async () => {
    const end = endOfLease(pool())
    const { app, result } = appOf(ENDLESS)
    const answer = await fetch(`${await listen(app)}/run`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(await answer.text()).toBe('')
    expect(await end()).toEqual({ how: 'released', released: 'recreated' })
    expect(await result()).toMatchObject({ killedBy: 'abort' })
  })

  it('timeout() ends the lease of a slow handler, and later calls are refused', async () => {
    const end = endOfLease(pool())
    const errors: unknown[] = []
    const app = new Hono<SandboxEnv>().use(timeout(100), sandbox({ pool: pool() }))
    app.get('/run', async (c) => {
      const held = c.get('sandbox')
      await once(held.signal, 'abort')
      void held.exec('true').catch((error: unknown) => errors.push(error))
      try {
        return streamSandbox(c, held.exec('true'))
      } catch {
        // timeout() has already sent the answer, so this one is dropped.
        return new Response('too late')
      }
    })
    expect((await fetch(`${await listen(app)}/run`)).status).toBe(504)
    expect(await end()).toMatchObject({ how: 'released' })
    await until('the call is refused', () => errors.length > 0)
    expect(errors).toMatchObject([{ code: 'SANDBOX_LEASE_ENDED' }])
  })
})

const LEASE_ENDED = {
  type: 'error',
  error: {
    code: 'SANDBOX_LEASE_ENDED',
    message: 'the sandbox of this request is no longer available',
  },
}

describe('a stream without a socket', () => {
  it('a stream that is read ends the lease as released', async () => {
    const end = endOfLease(pool())
    const answer = await appOf('echo hi').app.request('/run', { headers: NDJSON })
    expect(textOf(eventsIn(await answer.text()), 'stdout')).toBe('hi\n')
    expect(await end()).toEqual({ how: 'released', released: 'recreated' })
  })

  it('a cancelled stream kills the program and ends the lease as aborted', async () => {
    const end = endOfLease(pool())
    const { app, result } = appOf(ENDLESS)
    const reader = new BodyReader(await app.request('/run'))
    await reader.until('tick')
    await reader.cancel()
    expect(await end()).toEqual({ how: 'aborted', released: 'recreated' })
    expect(await result()).toMatchObject({ killedBy: 'abort' })
  })

  it('an aborted request kills the program and ends the lease as aborted', async () => {
    const end = endOfLease(pool())
    const abort = new AbortController()
    const { app, result } = appOf(ENDLESS)
    await app.request('/run', { signal: abort.signal })
    abort.abort()
    expect(await end()).toEqual({ how: 'aborted', released: 'recreated' })
    expect(await result()).toMatchObject({ killedBy: 'abort' })
  })

  it('a HEAD request kills the program and ends the lease as released', async () => {
    const end = endOfLease(pool())
    const { app, result } = appOf(ENDLESS)
    const answer = await app.request('/run', { method: 'HEAD' })
    expect(answer.body).toBeNull()
    expect(await end()).toEqual({ how: 'released', released: 'recreated' })
    expect(await result()).toMatchObject({ killedBy: 'abort' })
  })
})

describe('a stream of a sandbox that the app has acquired', () => {
  async function appOfHeld(command: string, outside: MiddlewareHandler[] = []) {
    const held = await leaseOfTest(pool(), 'python')
    const handles: PromiseLike<ExecResult>[] = []
    const app = new Hono<SandboxEnv>()
    for (const each of outside) app.use(each)
    app.get('/run', (c) => {
      const handle = held.exec(command)
      handles.push(handle)
      return streamSandbox(c, handle)
    })
    return { held, app, result: async () => handles[0] }
  }

  it.each([
    ['a disconnect', [], hangUp],
    [
      'an outer middleware that replaces the response',
      [replace],
      async (url: string) => fetch(url),
    ],
    ['a HEAD request', [], async (url: string) => fetch(url, { method: 'HEAD' })],
    ['a HEAD request without a socket', [], undefined],
  ])('%s kills the program and does not end the lease', async (_, outside, ask) => {
    const { held, app, result } = await appOfHeld(ENDLESS, outside)
    if (ask) await ask(`${await listen(app)}/run`)
    else await app.request('/run', { method: 'HEAD' })
    expect(await within('the program has ended', result())).toMatchObject({ killedBy: 'abort' })
    expect(await held.exec('echo still here')).toMatchObject({ stdout: 'still here\n' })
  })

  it('a stream has base64 data if the handle returns bytes', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const app = new Hono().get('/run', (c) =>
      streamSandbox(c, held.exec(String.raw`printf '\377\000\n'`, { format: 'bytes' })),
    )
    const [event] = eventsIn(await (await app.request('/run')).text())
    const data = Buffer.from([255, 0, 10]).toString('base64')
    expect(event).toEqual({ type: 'stdout', data, encoding: 'base64' })
  })

  it('thirty simultaneous streams have their own events', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const app = new Hono<SandboxEnv>().get('/run/:id', (c) => {
      const id = c.req.param('id')
      return streamSandbox(c, held.exec(`for i in 1 2 3; do echo ${id} $i; done; exit ${id}`))
    })
    const url = await listen(app)
    const ask = async (id: number) => {
      const headers = id % 2 === 0 ? NDJSON : undefined
      const events = eventsIn(await (await fetch(`${url}/run/${id}`, { headers })).text())
      const exit = events.at(-1)
      return [textOf(events, 'stdout'), exit?.type === 'exit' ? exit.exitCode : undefined]
    }
    const ids = Array.from({ length: 30 }, (_, at) => at)
    const wanted = ids.map((id) => [[1, 2, 3].map((line) => `${id} ${line}\n`).join(''), id])
    expect(await Promise.all(ids.map(ask))).toEqual(wanted)
  })
})

describe('the events of a stream', () => {
  const streamed = (run: () => ExecHandle) => {
    const app = new Hono().get('/run', (c) => streamSandbox(c, run(), { heartbeatMs: 20 }))
    return app.request('/run', { headers: NDJSON })
  }
  const lastOf = async (answer: Response) => eventsIn(await answer.text()).at(-1)

  it('the exit event reports a timeout', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const answer = await streamed(() => held.exec('sleep 60', { timeoutMs: 50 }))
    expect(await lastOf(answer)).toMatchObject({ exitCode: null, killedBy: 'timeout' })
  })

  it('the exit event reports an exceeded output limit', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const answer = await streamed(() => held.exec('yes', { maxOutputBytes: 1000 }))
    const events = eventsIn(await answer.text())
    expect(textOf(events, 'stdout')).toBe('y\n'.repeat(500))
    expect(events.at(-1)).toMatchObject({ killedBy: 'output', truncated: true })
  })

  it.each([
    ['the close of the pool', 'shutdown', { leaseTtlMs: 60_000 }],
    ['the end of the time to live', 'timeout', { leaseTtlMs: 500 }],
  ])('the exit event reports %s', async (_, killedBy, { leaseTtlMs }) => {
    const languages = { python: { size: 1, max: 1 } }
    const small = await poolOfTest({ runtime: 'runc', languages, leaseTtlMs })
    const held = await small.acquire('python')
    const reader = new BodyReader(await streamed(() => held.exec('echo up; sleep 60')))
    await reader.until('up')
    if (killedBy === 'shutdown') void small.close({ deadlineMs: 0 })
    expect(eventsIn(await reader.rest()).at(-1)).toMatchObject({ type: 'exit', killedBy })
  })

  it('a refused call becomes an error event without the name of the container', async () => {
    const held = await pool().acquire('python')
    held.release()
    const answer = await streamed(() => held.exec('true'))
    expect(answer.status).toBe(200)
    expect(eventsIn(await answer.text())).toEqual([LEASE_ENDED])
  })

  it('a stream has heartbeats while its program is silent', async () => {
    const held = await leaseOfTest(pool(), 'python')
    const silent = 'while [ ! -e go ]; do sleep 0.02; done; echo done'
    const app = new Hono<SandboxEnv>()
    app.get('/run', (c) => streamSandbox(c, held.exec(silent), { heartbeatMs: 10 }))
    const url = `${await listen(app)}/run`
    const readers = [
      new BodyReader(await within('the headers arrive', fetch(url))),
      new BodyReader(await within('the headers arrive', fetch(url, { headers: NDJSON }))),
    ]
    await readers[0]?.until(': heartbeat\n\n: heartbeat\n\n')
    await readers[1]?.until('{"type":"heartbeat"}\n{"type":"heartbeat"}\n')
    await held.writeFile('go', '')
    for (const reader of readers) {
      const events = eventsIn(await reader.rest()).filter(({ type }) => type !== 'heartbeat')
      expect(events.map(({ type }) => type)).toEqual(['stdout', 'exit'])
    }
  })
})
