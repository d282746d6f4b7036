import { describe, expect, it, onTestFinished } from 'vitest'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { SandboxPoolOptions } from 'hono-sandbox'
import { engineProxy } from '../helpers/engine-proxy.js'
import { containersOf, docker, ownerOf } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

/** Makes a pool whose engine can hang. Removes its containers after the test. */
async function poolBehindProxy(options: SandboxPoolOptions = {}) {
  const proxy = await engineProxy()
  const engine = createDockerEngine({ address: proxy.address, timeoutMs: 1000 })
  const languages = { python: { size: 1, max: 2 } }
  const pool = new SandboxPool({ runtime: 'runc', languages, engine, ...options })
  const names = new Set<string>()
  pool.on('launched', ({ name }) => names.add(name))
  pool.on('launchFailed', ({ name }) => names.add(name))
  pool.on('removeFailed', () => {}) // a listener prevents the warning
  const remaining = async () => {
    const [name] = names
    return name === undefined ? [] : containersOf(ownerOf(name))
  }
  onTestFinished(async () => {
    proxy.thaw()
    await pool.close({ deadlineMs: 10_000 })
    engine.close()
    const all = (await remaining()).map((name) => docker.getContainer(name).remove({ force: true }))
    await Promise.allSettled(all)
  })
  return { pool, proxy, names, remaining }
}

/**
 * Starts a pool, and returns the name of its container. On a busy machine, a launch can exceed the time
 * limit of the engine, and is retried.
 */
async function firstOf(pool: SandboxPool): Promise<string> {
  let first = ''
  pool.once('launched', ({ name }) => (first = name))
  await pool.start()
  await until('a container is idle', () => pool.stats().python?.idle === 1)
  return first
}

describe('a hanging engine', () => {
  it('start() returns at its timeout, and the pool fills when the engine answers again', async () => {
    const { pool, proxy } = await poolBehindProxy({ startTimeoutMs: 500 })
    proxy.freeze()
    const report = await within('start() returns', pool.start(), 15_000)
    expect(report.python).toMatchObject({ ready: 0, errors: [{ code: 'SANDBOX_WAIT_TIMEOUT' }] })
    proxy.thaw()
    await until('the container is idle', () => pool.stats().python?.idle === 1)
  })

  it('a call ends at its deadline, and the containers are not ready', async () => {
    const { pool, proxy } = await poolBehindProxy({ languages: { python: { size: 2, max: 4 } } })
    await pool.start()
    // As in `firstOf()`, a launch may be retried.
    await until('two containers are idle', () => pool.stats().python?.idle === 2)
    const sandbox = await pool.acquire('python')
    const context = await sandbox.createCodeContext()
    const loop = 'while True: pass'
    const calls = [
      sandbox.runCode(loop, { timeoutMs: 500 }),
      sandbox.runCode(loop, { timeoutMs: 500, context }),
    ].map((handle) => handle.then(({ killedBy, durationMs }) => ({ killedBy, durationMs })))
    proxy.freeze()
    for (const { killedBy, durationMs } of await Promise.all(calls)) {
      expect(killedBy).toBe('timeout')
      expect(durationMs).toBeLessThan(10_000)
    }
    await until('no container is ready', () => pool.stats().python?.ready === 0, 10_000)
    proxy.thaw()
    await until('two containers are ready', () => pool.stats().python?.ready === 2)
  })

  it('close() returns at its deadline and reports the containers that may remain', async () => {
    const { pool, proxy, remaining } = await poolBehindProxy()
    const failed: string[] = []
    pool.on('removeFailed', ({ name, error }) => failed.push(`${name} ${error.code}`))
    const first = await firstOf(pool)
    proxy.freeze()
    await within('close() returns', pool.close({ deadlineMs: 500 }), 15_000)
    expect(failed).toEqual([`${first} SANDBOX_WAIT_TIMEOUT`])
    proxy.thaw()
    await until('the container is removed', async () => (await remaining()).length === 0)
  })

  it.each(['freeze', 'loseAnswers'] as const)(
    'an engine failure leaves no stray container: %s',
    async (failure) => {
      const { pool, proxy, names, remaining } = await poolBehindProxy()
      const first = await firstOf(pool)
      const before = names.size
      proxy[failure]()
      pool.resize('python', 2)
      await until('a launch has failed', () => names.size > before)
      proxy.thaw()
      await until('two containers are idle', () => pool.stats().python?.idle === 2)
      await until('the strays are swept', async () => (await remaining()).length === 2)
      expect(await remaining()).toContain(first)
      expect(pool.isRunning(first)).toBe(true)
    },
  )
})
