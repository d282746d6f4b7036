import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Kind, PROTOCOL_VERSION } from '../../src/agent/protocol.js'
import type { SandboxPoolOptions } from '../../src/index.js'
import { SandboxPool } from '../../src/index.js'
import { fakeEngine } from '../helpers/fake-engine.js'
import { callWith, FakeAgent } from './fakes/fake-agent.js'

const KEY = 'sk-secret-1'

beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}))

/** Creates a pool whose containers have a fake agent. */
function poolWith(options: SandboxPoolOptions): SandboxPool {
  const launch = () => {
    const agent = new FakeAgent()
    agent.sendJson(Kind.hello, 0, { version: PROTOCOL_VERSION, language: 'python' })
    return Promise.resolve(agent)
  }
  const pool = new SandboxPool({ engine: fakeEngine({ launch }), ...options })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

describe('acquire()', () => {
  it('has the bounds of the tenants', async () => {
    const languages = { python: { size: 3, max: 3 } }
    const pool = poolWith({ languages, maxPerTenant: 1, maxWaitingPerTenant: 0 })
    await pool.start()
    const sandbox = await pool.acquire('python', { tenant: KEY })
    const refused = await pool.acquire('python', { tenant: KEY }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'SANDBOX_TENANT_LIMIT' })
    expect(String(refused)).not.toContain(KEY)
    expect(JSON.stringify(pool.stats())).not.toContain(KEY)
    expect(pool.stats().python).toMatchObject({ tenants: 1 })
    sandbox.release()
    await pool.acquire('python', { tenant: KEY })
  })

  it.each([
    [{ tenant: '' }, 'acquire: tenant is not valid, expected a string of 1 to 200 characters'],
    [
      { tenant: KEY.repeat(20) },
      'acquire: tenant is not valid, expected a string of 1 to 200 characters',
    ],
    [{ tenant: { KEY } }, 'acquire: tenant is not valid, expected string'],
    [{ leaseTtlMs: 0 }, 'acquire: leaseTtlMs is not valid, expected 1 ms or more'],
  ])('refuses %j', async (options, message) => {
    const pool = poolWith({ languages: { python: { size: 0 } } })
    const refused = callWith(pool, 'acquire', 'python', options)
    await expect(refused).rejects.toMatchObject({ code: 'SANDBOX_INVALID_OPTION', message })
  })

  it('names the languages of the pool if it does not have the language', async () => {
    const message = 'this language is not in the pool; the pool has'
    const two = poolWith({ languages: { python: { size: 0 }, nodejs: { size: 0 } } })
    await expect(two.acquire('ruby')).rejects.toMatchObject({
      code: 'SANDBOX_UNKNOWN_LANGUAGE',
      message: `${message} python, nodejs`,
    })
    await expect(poolWith({ languages: {} }).acquire('ruby')).rejects.toMatchObject({
      message: `${message} no language`,
    })
  })
})
