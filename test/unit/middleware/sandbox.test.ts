import type { Context, Next } from 'hono'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { describe, expect, it, vi } from 'vitest'
import type { Sandbox } from '../../../src/index.js'
import { SandboxError, SandboxPool } from '../../../src/index.js'
import type { SandboxEnv, SandboxOptions } from '../../../middleware/index.js'
import { sandbox } from '../../../middleware/index.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { leaseSandbox } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** A pool without an engine. A lease has a container with a fake agent, or fails. */
class FakePool extends SandboxPool {
  leases = 0

  constructor(readonly failure?: Error) {
    super({ engine: fakeEngine() })
  }

  override async acquire(): Promise<Sandbox> {
    if (this.failure) throw this.failure
    this.leases++
    return (await leaseSandbox()).sandbox
  }
}

const oneParameter = (c: Context<SandboxEnv>) => c.text(c.get('sandbox').language)
const twoParameters = async (c: Context<SandboxEnv>, _next: Next) =>
  c.text(c.get('sandbox').language)
const passOn = (_: Context, next: Next) => next()

describe('a request gets a sandbox', () => {
  const pool = new FakePool()
  const leased = sandbox({ pool })
  const app = () => new Hono<SandboxEnv>()

  it.each([
    ['a handler of .get()', app().use(leased).get('/run', oneParameter)],
    ['a handler of .get() with two parameters', app().use(leased).get('/run', twoParameters)],
    ['a handler of .get() behind middleware', app().use(leased, passOn).get('/run', oneParameter)],
    ['a handler of .all() with one parameter', app().all('*', leased, oneParameter)],
    ['a handler of .all() with two parameters', app().all('/run', leased, twoParameters)],
    ['a handler of .use() with two parameters', app().use('/run', leased, twoParameters)],
    ['such a handler with a parameter in its path', app().all('/:name', leased, twoParameters)],
    ['such a handler before middleware', app().all('/run', leased, twoParameters).use('*', cors())],
    ['a handler of another app', app().use(leased).route('/', app().get('/run', oneParameter))],
  ])('for %s', async (_, app) => {
    pool.leases = 0
    const answer = await app.request('/run')
    expect(await answer.text()).toBe('python')
    expect(pool.leases).toBe(1)
  })

  it.each([
    ['without a route', app().use(leased)],
    ['of another method', app().use(leased).post('/run', oneParameter)],
    ['with middleware on a wildcard', app().use('*', leased).use('*', cors()).use(passOn)],
    ['with middleware in another app', app().use(leased).route('/', app().use(passOn))],
    ['with a second sandbox()', app().use('*', leased).use('/run/*', sandbox({ pool }))],
    ['with middleware before the sandbox', app().use('/run', passOn, leased)],
  ])('but not for an unknown path %s', async (_, app) => {
    pool.leases = 0
    const answer = await app.request('/run')
    expect(answer.status).toBe(404)
    expect(pool.leases).toBe(0)
  })
})

describe('the option logger', () => {
  const queueFull = new SandboxError('SANDBOX_QUEUE_FULL', 'the queue is full', {
    suggestion: 'Raise max',
    retryAfterMs: 1000,
  })
  const imageMissing = new SandboxError('SANDBOX_IMAGE_MISSING', 'no image at unix:///x', {
    suggestion: 'Run setup',
  })

  /** Sends a request to an app whose pool fails, and returns the response and the log. */
  async function request(error: Error, options: SandboxOptions = {}, headers = {}) {
    const log: string[] = []
    const logger = { warn: (message: string) => void log.push(message) }
    const leased = sandbox({ pool: new FakePool(error), logger, ...options })
    const app = new Hono<SandboxEnv>().onError((_, c) => c.text('', 500))
    app.use('*', leased).get('/run', leased, oneParameter)
    return { response: await app.request('/run', { headers }), log }
  }

  it('gets the message for the operator once, which the client does not get', async () => {
    const { response, log } = await request(imageMissing)
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain('unix:')
    expect(log).toEqual(['SANDBOX_IMAGE_MISSING: no image at unix:///x. Run setup'])
  })

  it('gets the errors that are not 503, too', async () => {
    const unknown = await request(new SandboxError('SANDBOX_UNKNOWN_LANGUAGE', 'no cobol here'))
    expect(unknown.response.status).toBe(400)
    expect(unknown.log).toEqual(['SANDBOX_UNKNOWN_LANGUAGE: no cobol here'])
    const upgrade = await request(queueFull, {}, { upgrade: 'websocket' })
    expect(upgrade.response.status).toBe(501)
    expect(upgrade.log).toEqual([
      expect.stringMatching(/^SANDBOX_UPGRADE_UNSUPPORTED: .*websocketSandbox/),
    ])
  })

  it('gets the message before onUnavailable creates the response', async () => {
    const order: string[] = []
    const { response } = await request(queueFull, {
      logger: { warn: (message) => void order.push(message) },
      onUnavailable: ({ code }, c) => {
        order.push(code)
        return c.text('later', 429)
      },
    })
    expect(response.status).toBe(429)
    expect(order).toEqual(['SANDBOX_QUEUE_FULL: the queue is full. Raise max', queueFull.code])
  })

  it('is called as a method', async () => {
    const logger = {
      lines: new Array<string>(),
      warn(message: string) {
        this.lines.push(message)
      },
    }
    await request(queueFull, { logger })
    expect(logger.lines).toHaveLength(1)
  })

  it('cannot break the response', async () => {
    const logger = {
      warn: () => {
        throw new Error('the disk is full')
      },
    }
    const { response } = await request(queueFull, { logger })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
  })

  it('gets nothing about an error that is no response of the middleware', async () => {
    const { response, log } = await request(new Error('a bug in the language function'))
    expect(response.status).toBe(500)
    expect(log).toEqual([])
  })

  it('is necessary for output: without it, nothing is written', async () => {
    const writes = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
    const warn = vi.spyOn(console, 'warn')
    const { response } = await request(queueFull, { logger: undefined })
    expect(response.status).toBe(503)
    for (const written of [...writes, warn]) expect(written).not.toHaveBeenCalled()
  })

  it('must have the method warn()', () => {
    // @ts-expect-error the method is missing
    const create = () => sandbox({ logger: { error: () => {} } })
    expect(create).toThrow('sandbox: logger.warn is missing')
  })
})
