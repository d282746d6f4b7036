import { once } from 'node:events'
import { get, request } from 'node:http'
import { connect } from 'node:net'
import type { ServerType } from '@hono/node-server'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { stream, streamSSE } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sandbox, SandboxPoolEvent } from '../../src/index.js'
import { SandboxPool } from '../../src/index.js'
import type { SandboxEnv } from '../../middleware/index.js'
import { sandbox } from '../../middleware/index.js'
import { urlOf } from '../helpers/http.js'
import { until } from '../helpers/until.js'

/** Streams a body until the client disconnects or the body is closed. */
const endlessBody = (c: Parameters<typeof stream>[0]) =>
  stream(c, async (body) => {
    while (!body.aborted && !body.closed) {
      await body.write('x'.repeat(1024))
      await body.sleep(5)
    }
  })

let pool: SandboxPool
let server: ServerType | undefined
let ends: SandboxPoolEvent[] = []

beforeAll(async () => {
  pool = new SandboxPool({ runtime: 'runc', languages: { python: { size: 2, max: 6 } } })
  pool.on('ended', (event) => ends.push(event))
  const { python } = await pool.start()
  expect(python?.errors).toEqual([])
})
beforeEach(() => {
  ends = []
})
afterEach(async () => {
  if (server && 'closeAllConnections' in server) server.closeAllConnections()
  server?.close()
  server = undefined
  await until('no lease is held', () => pool.stats().python?.leased === 0)
})
afterAll(async () => {
  await pool.close()
})

async function listen(app: Hono<SandboxEnv>): Promise<string> {
  const started = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  server = started
  await once(started, 'listening')
  return urlOf(started)
}

/** Reads the head and one piece of the body, then closes the connection. */
async function hangUp(url: string, headers: Record<string, string> = {}): Promise<void> {
  const req = get(url, { headers })
  req.on('error', () => {})
  const [res] = await once(req, 'response')
  await once(res, 'data')
  res.on('error', () => {})
  req.destroy()
}

async function endOfLease(): Promise<{ how: string; released: string }> {
  await until('the lease has ended', () => ends.length > 0)
  expect(ends).toHaveLength(1)
  const [end] = ends
  return end?.type === 'ended'
    ? { how: end.how, released: end.released }
    : { how: '', released: '' }
}

describe('the end of a lease with a response on a socket', () => {
  it('a JSON response ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.use('/run', sandbox({ pool }))
    app.get('/run', async (c) => c.json(await c.get('sandbox').runCode('print(6*7)')))
    const answer = await fetch(`${await listen(app)}/run`)
    expect(await answer.json()).toMatchObject({ stdout: '42\n', exitCode: 0 })
    expect(await endOfLease()).toEqual({ how: 'released', released: 'recreated' })
  })

  it('a JSON response returns an unused container to the pool', async () => {
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool }), (c) => c.json({ name: c.get('sandbox').name }))
    await (await fetch(`${await listen(app)}/run`)).text()
    expect(await endOfLease()).toEqual({ how: 'released', released: 'returned' })
  })

  it('a streamed response ends the lease after its last byte', async () => {
    let endsAtLastByte = -1
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool }), (c) =>
      stream(c, async (body) => {
        await body.write('first')
        const { stdout } = await c.get('sandbox').runCode('print("late")')
        endsAtLastByte = ends.length
        await body.write(stdout)
      }),
    )
    expect(await (await fetch(`${await listen(app)}/run`)).text()).toBe('firstlate\n')
    expect(endsAtLastByte).toBe(0)
    expect(await endOfLease()).toEqual({ how: 'released', released: 'recreated' })
  })

  it('a disconnect during a stream ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool }), endlessBody)
    await hangUp(`${await listen(app)}/run`)
    expect(await endOfLease()).toEqual({ how: 'aborted', released: 'recreated' })
  })

  it('a disconnect during a run ends the lease and the run', async () => {
    const results: string[] = []
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool }), (c) =>
      streamSSE(c, async (sse) => {
        await sse.writeSSE({ data: 'started' })
        const result = await c.get('sandbox').runCode('while True: pass')
        results.push(result.killedBy ?? 'not killed')
      }),
    )
    await hangUp(`${await listen(app)}/run`)
    expect(await endOfLease()).toEqual({ how: 'aborted', released: 'recreated' })
    await until('the run has ended', () => results.length > 0)
    expect(results).toEqual(['abort'])
  })

  it('a HEAD request to a stream ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool }), endlessBody)
    const answer = await fetch(`${await listen(app)}/run`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('a disconnect under compress() ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.use(compress())
    app.get('/run', sandbox({ pool }), (c) => {
      c.header('Content-Type', 'text/plain')
      return stream(c, async (body) => {
        while (!body.aborted) await body.write(Math.random().toString(36).repeat(5000))
      })
    })
    await hangUp(`${await listen(app)}/run`, { 'accept-encoding': 'gzip' })
    expect(await endOfLease()).toEqual({ how: 'aborted', released: 'recreated' })
  })

  it('a 304 of an outer etag() ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.use(etag())
    app.get('/run', sandbox({ pool }), (c) =>
      c.body(c.get('sandbox').language, 200, { ETag: '"a"' }),
    )
    const url = `${await listen(app)}/run`
    const answer = await fetch(url, { headers: { 'if-none-match': '"a"' } })
    expect(answer.status).toBe(304)
    expect(await endOfLease()).toEqual({ how: 'released', released: 'returned' })
  })

  it('an outer middleware that replaces c.res ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.use(async (c, next) => {
      await next()
      c.res = new Response('replaced')
    })
    app.get('/run', sandbox({ pool }), endlessBody)
    expect(await (await fetch(`${await listen(app)}/run`)).text()).toBe('replaced')
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('an outer middleware that throws after next() ends the lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.onError((_, c) => c.text('sorry', 500))
    app.use(async (_, next) => {
      await next()
      throw new Error('outer')
    })
    app.get('/run', sandbox({ pool }), endlessBody)
    expect((await fetch(`${await listen(app)}/run`)).status).toBe(500)
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('timeout() ends the lease of a slow handler', async () => {
    const codes: unknown[] = []
    const app = new Hono<SandboxEnv>()
    app.use(timeout(100))
    app.get('/run', sandbox({ pool }), async (c) => {
      const held = c.get('sandbox')
      await once(held.signal, 'abort')
      codes.push(await held.runCode('print(1)').catch((error: { code: string }) => error.code))
      return c.text('too late')
    })
    expect((await fetch(`${await listen(app)}/run`)).status).toBe(504)
    expect(await endOfLease()).toMatchObject({ how: 'released' })
    await until('the handler continues', () => codes.length > 0)
    expect(codes).toEqual(['SANDBOX_LEASE_ENDED'])
  })

  it.each([
    ['an Error', new Error('boom')],
    ['a string', 'boom'],
  ])('a handler that throws %s ends the lease', async (_, thrown) => {
    const app = new Hono<SandboxEnv>()
    app.onError((_, c) => c.text('sorry', 500))
    app.get('/run', sandbox({ pool }), () => {
      throw thrown
    })
    expect((await fetch(`${await listen(app)}/run`)).status).toBe(500)
    expect(await endOfLease()).toEqual({ how: 'failed', released: 'recreated' })
  })

  it('a middleware that is mounted twice acquires one lease', async () => {
    const app = new Hono<SandboxEnv>()
    app.use('*', sandbox({ pool }))
    app.use('/run/*', sandbox({ pool }))
    app.get('/run/it', (c) => c.text(c.get('sandbox').name))
    await (await fetch(`${await listen(app)}/run/it`)).text()
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('a request without a handler acquires no lease', async () => {
    const acquired: string[] = []
    const addName = ({ name }: { name: string }) => acquired.push(name)
    pool.on('acquired', addName)
    const inner = new Hono<SandboxEnv>().get('/there', (c) => c.text(c.get('sandbox').name))
    inner.onError((_, c) => c.text('inner', 500))
    const app = new Hono<SandboxEnv>()
    app.use('*', sandbox({ pool }))
    app.use('*', async (_, next) => next())
    app.route('/sub', inner)
    const url = await listen(app)
    expect((await fetch(`${url}/wp-login.php`)).status).toBe(404)
    expect(acquired).toEqual([])
    expect((await fetch(`${url}/sub/there`)).status).toBe(200)
    expect(acquired).toHaveLength(1)
    pool.off('acquired', addName)
  })

  it('a WebSocket upgrade is refused with 501 and an error code', async () => {
    const app = new Hono<SandboxEnv>()
    app.get('/ws', sandbox({ pool }), (c) => c.text('no socket here'))
    const answer = await app.request('/ws', { headers: { upgrade: 'websocket' } })
    expect(answer.status).toBe(501)
    expect(await answer.json()).toMatchObject({ error: { code: 'SANDBOX_UPGRADE_UNSUPPORTED' } })
    expect(ends).toEqual([])
  })
})

describe('the end of a lease with a response without a socket', () => {
  const app = new Hono<SandboxEnv>()
  beforeAll(() => {
    app.use('*', sandbox({ pool }))
    app.get('/json', (c) => c.json({ name: c.get('sandbox').name }))
    app.get('/empty', (c) => c.body(null, 204))
    app.get('/stream', endlessBody)
  })

  it('a JSON response that is read ends the lease', async () => {
    await (await app.request('/json')).json()
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('a JSON response that is not read ends the lease', async () => {
    await app.request('/json')
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('a response without a body ends the lease', async () => {
    await app.request('/empty')
    expect(await endOfLease()).toMatchObject({ how: 'released' })
  })

  it('a cancelled stream ends the lease', async () => {
    const answer = await app.request('/stream')
    await answer.body?.cancel()
    expect(await endOfLease()).toMatchObject({ how: 'aborted' })
  })

  it('an aborted request ends the lease', async () => {
    const abort = new AbortController()
    await app.request('/stream', { signal: abort.signal })
    abort.abort()
    expect(await endOfLease()).toMatchObject({ how: 'aborted' })
  })
})

describe('a request without a free sandbox', () => {
  let small: SandboxPool
  let held: Sandbox

  beforeEach(async () => {
    small = new SandboxPool({
      runtime: 'runc',
      languages: { python: { size: 1, max: 1 } },
      maxWaiting: 1,
    })
    await small.start()
    held = await small.acquire('python')
  })
  afterEach(async () => {
    held.release()
    await small.close({ deadlineMs: 0 })
  })

  const appOf = (options: Parameters<typeof sandbox>[0]) => {
    const app = new Hono<SandboxEnv>()
    app.get('/run', sandbox({ pool: small, ...options }), (c) => c.text(c.get('sandbox').name))
    return app
  }

  it('a wait that exceeds the timeout is answered with 503 and Retry-After', async () => {
    const answer = await fetch(`${await listen(appOf({ acquireTimeoutMs: 20 }))}/run`)
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await answer.json()).toMatchObject({ error: { code: 'SANDBOX_ACQUIRE_TIMEOUT' } })
  })

  it('a full queue is answered at once with 503 and Retry-After', async () => {
    const url = await listen(appOf({}))
    const first = fetch(`${url}/run`)
    await until('one caller waits', () => small.stats().python?.waiting === 1)
    const answer = await fetch(`${url}/run`)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(await answer.json()).toMatchObject({ error: { code: 'SANDBOX_QUEUE_FULL' } })
    held.release()
    expect((await first).status).toBe(200)
  })

  it('a disconnect removes the caller from the queue', async () => {
    const { port } = new URL(await listen(appOf({})))
    const socket = connect(Number(port), '127.0.0.1')
    socket.write('GET /run HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('one caller waits', () => small.stats().python?.waiting === 1)
    socket.destroy()
    await until('no caller waits', () => small.stats().python?.waiting === 0)
    expect(small.stats().python?.leased).toBe(1)
  })

  it('a closing pool is answered with 503', async () => {
    const url = await listen(appOf({}))
    const closing = small.close({ deadlineMs: 1000 })
    const answer = await fetch(`${url}/run`)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'SANDBOX_CLOSED' } })
    held.release()
    await closing
  })

  it('an unknown language is answered with 400', async () => {
    const url = await listen(appOf({ language: (c) => c.req.query('language') ?? '' }))
    const answer = await fetch(`${url}/run?language=cobol`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({
      error: {
        code: 'SANDBOX_UNKNOWN_LANGUAGE',
        message: 'this language is not in the pool; the pool has python',
      },
    })
  })

  it('onUnavailable can replace the answer', async () => {
    const app = appOf({
      acquireTimeoutMs: 20,
      onUnavailable: (error, c) => c.text(`later: ${error.code}`, 429),
    })
    const answer = await fetch(`${await listen(app)}/run`)
    expect(answer.status).toBe(429)
    expect(await answer.text()).toBe('later: SANDBOX_ACQUIRE_TIMEOUT')
  })
})

describe('a thousand requests', () => {
  it('a thousand requests on one sandbox get their own answers', async () => {
    const app = new Hono<SandboxEnv>()
    const held = await pool.acquire('python')
    app.post('/run', async (c) => c.json(await held.runCode(await c.req.text())))
    const url = await listen(app)
    const send = async (number: number): Promise<string> => {
      const req = request(`${url}/run`, { method: 'POST' })
      req.end(`print(${number})`)
      const [res] = await once(req, 'response')
      const chunks: Buffer[] = []
      for await (const chunk of res) chunks.push(chunk)
      return JSON.parse(Buffer.concat(chunks).toString()).stdout
    }
    for (let batch = 0; batch < 20; batch++) {
      const numbers = Array.from({ length: 50 }, (_, at) => batch * 50 + at)
      const answers = await Promise.all(numbers.map(send))
      expect(answers).toEqual(numbers.map((number) => `${number}\n`))
    }
    held.release()
  })
})
