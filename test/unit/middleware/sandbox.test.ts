import type { Context, Next } from 'hono'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../../src/index.js'
import { SandboxPool } from '../../../src/index.js'
import type { SandboxEnv } from '../../../middleware/index.js'
import { sandbox } from '../../../middleware/index.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { leaseSandbox } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** A pool without an engine. A lease has a container with a fake agent. */
class FakePool extends SandboxPool {
  leases = 0

  constructor() {
    super({ engine: fakeEngine() })
  }

  override async acquire(): Promise<Sandbox> {
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
