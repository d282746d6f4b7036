import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { closeSandboxes, getSandboxes, initSandboxes, SandboxError } from '../../src/index.js'
import { fakeEngine } from '../helpers/fake-engine.js'

const away = () =>
  Promise.reject(new SandboxError('SANDBOX_ENGINE_UNAVAILABLE', 'no engine in this test'))

/** An engine that is not there: the process's pool comes up empty, and says so. */
const engine = fakeEngine({ runtimes: away, findImage: away, launch: away, sweep: away })
const options = { engine, languages: { python: { size: 1 } } }

// The pool that comes up empty warns.
beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => {}))
afterEach(() => closeSandboxes())

it('there is one pool a process', async () => {
  expect(getSandboxes).toThrow(SandboxError)
  const report = await initSandboxes(options)
  expect(report).toMatchObject({ python: { ready: 0, total: 1 } })
  const pool = getSandboxes()
  await initSandboxes(options)
  expect(getSandboxes()).toBe(pool)
})

it('a second call without options, or with equal ones, gives the first report', async () => {
  const report = await initSandboxes(options)
  expect(await initSandboxes()).toBe(report)
  expect(await initSandboxes({ engine, languages: { python: { size: 1 } } })).toBe(report)
})

it.each([
  ['other options', { ...options, maxWaiting: 5 }],
  ['other languages', { engine, languages: { python: { size: 2 } } }],
  ['another engine', { ...options, engine: { ...engine } }],
  ['fewer options', {}],
])('a second call with %s is refused, and the pool stays', async (_, other) => {
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

it('a pool that is made while the last one closes is a new one', async () => {
  await initSandboxes(options)
  const last = getSandboxes()
  const closed = closeSandboxes()
  await expect(getSandboxes().acquire('python')).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
  await initSandboxes(options)
  await closed
  expect(getSandboxes()).not.toBe(last)
})

it('closing twice waits for the one close', async () => {
  await initSandboxes(options)
  await Promise.all([closeSandboxes(), closeSandboxes()])
  expect(getSandboxes).toThrow(SandboxError)
})
