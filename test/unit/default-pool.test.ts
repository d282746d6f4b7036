import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from '../../src/index.js'
import { fakeEngine } from '../helpers/fake-engine.js'

const unavailable = () =>
  Promise.reject(new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'no engine in this test'))

/** An engine that fails each call, so that the default pool has no container. */
const engine = fakeEngine({
  runtimes: unavailable,
  findImage: unavailable,
  launch: unavailable,
  sweep: unavailable,
})
const options = { engine, languages: { python: { size: 1 } } }

// A pool that starts without a container emits a warning.
beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}))
afterEach(() => closeSandboxes())

describe('the default pool', () => {
  it('is one pool for the process', async () => {
    expect(getSandboxes).toThrow(SandboxError)
    const report = await initSandboxes(options)
    expect(report).toMatchObject({ python: { ready: 0, total: 1 } })
    const pool = getSandboxes()
    await initSandboxes(options)
    expect(getSandboxes()).toBe(pool)
  })

  it('is kept by a second initSandboxes() with equal options or none, which returns the first report', async () => {
    const report = await initSandboxes(options)
    expect(await initSandboxes()).toBe(report)
    expect(await initSandboxes({ engine, languages: { python: { size: 1 } } })).toBe(report)
  })

  it('has errors with their messages in the JSON of its report', async () => {
    const report: unknown = JSON.parse(JSON.stringify(await initSandboxes(options)))
    const error = { code: 'SANDBOX_ENGINE_UNAVAILABLE', message: 'no engine in this test' }
    expect(report).toMatchObject({ python: { errors: [error] } })
  })

  it.each([
    ['other options', { ...options, maxWaiting: 5 }],
    ['other languages', { engine, languages: { python: { size: 2 } } }],
    ['another engine', { ...options, engine: { ...engine } }],
    ['fewer options', {}],
  ])('is kept by a second initSandboxes() with %s, which rejects', async (_, other) => {
    await initSandboxes(options)
    const pool = getSandboxes()
    await expect(initSandboxes(other)).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.stringMatching(/closeSandboxes\(\) first.*new SandboxPool\(\)/),
    })
    expect(getSandboxes()).toBe(pool)
    await closeSandboxes()
    await initSandboxes({ ...options, maxWaiting: 5 })
    expect(getSandboxes()).not.toBe(pool)
  })

  it('is a new pool if initSandboxes() is called while the old pool closes', async () => {
    await initSandboxes(options)
    const old = getSandboxes()
    const closed = closeSandboxes()
    await expect(getSandboxes().acquire('python')).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    await initSandboxes(options)
    await closed
    expect(getSandboxes()).not.toBe(old)
  })

  it('is closed by two concurrent calls of closeSandboxes()', async () => {
    await initSandboxes(options)
    await Promise.all([closeSandboxes(), closeSandboxes()])
    expect(getSandboxes).toThrow(SandboxError)
  })
})
