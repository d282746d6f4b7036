import { results } from 'hono-sandbox/testing'
import { expect, it, onTestFinished } from 'vitest'
import { health } from '../../../examples/code-runner/routes/health.js'
import { poolOfTest } from '../fakes/test-pool.js'

const languages = { python: { size: 1, max: 1 } }

it('a server whose containers are all being replaced is ready, and one that cannot replace them is not', async () => {
  const pool = poolOfTest({ languages }).onCode('ok', results.exit(0))
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  pool.on('launchFailed', () => {})
  const app = health(pool)
  const status = async () => (await app.request('/readyz')).status
  pool.holdLaunches()
  const started = pool.start()
  expect(await status()).toBe(503)
  pool.recover()
  await started
  expect(await status()).toBe(200)

  const first = await pool.acquire('python')
  pool.holdLaunches()
  await first.runCode('ok')
  first.release()
  expect(pool.stats().python).toMatchObject({ ready: 0 })
  expect(await status()).toBe(200)

  pool.recover()
  const second = await pool.acquire('python')
  pool.failLaunches()
  await second.runCode('ok')
  second.release()
  await expect.poll(() => pool.stats().python?.lastError).toBeDefined()
  expect(await status()).toBe(503)
})
