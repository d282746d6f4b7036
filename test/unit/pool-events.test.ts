import { AsyncLocalStorage } from 'node:async_hooks'
import type { SandboxPoolEvent } from 'hono-sandbox'
import { results } from 'hono-sandbox/testing'
import { expect, it } from 'vitest'
import { poolOfTest } from './fakes/test-pool.js'

const caller = new AsyncLocalStorage<string>()
const one = { languages: { python: { size: 1, max: 1 } } }

/** Creates a pool, and collects its events with the caller in whose context they are emitted. */
function poolWithEvents(options = {}) {
  const pool = poolOfTest({ ...one, ...options })
  const events: [SandboxPoolEvent, string | undefined][] = []
  pool.on('event', (event) => events.push([event, caller.getStore()]))
  const of = (type: SandboxPoolEvent['type']) => events.filter(([event]) => event.type === type)
  return { pool, of }
}

it('acquired has the wait, in the context of the caller that waited', async () => {
  const { pool, of } = poolWithEvents()
  const first = await caller.run('first', () => pool.acquire('python'))
  const waiting = ['second', 'third'].map((name) =>
    caller.run(name, async () => {
      const sandbox = await pool.acquire('python')
      sandbox.release()
    }),
  )
  caller.run('another', () => first.release())
  await Promise.all(waiting)
  expect(of('acquired')).toEqual(
    ['first', 'second', 'third'].map((name) => [
      expect.objectContaining({ language: 'python', waitedMs: expect.any(Number) }),
      name,
    ]),
  )
  await pool.close()
})

it('refused has the error, in the context of the caller', async () => {
  const { pool, of } = poolWithEvents({ maxWaiting: 1 })
  const held = await pool.acquire('python')
  const acquire = (name: string, timeoutMs: number) =>
    caller.run(name, () => pool.acquire('python', { timeoutMs }).catch(() => {}))
  const late = acquire('late', 1)
  await acquire('full', 1000)
  await late
  held.release()
  await pool.close()
  await acquire('closed', 1)
  expect(of('refused').map(([event, name]) => [name, event])).toMatchObject([
    ['full', { error: { code: 'SANDBOX_QUEUE_FULL' } }],
    ['late', { error: { code: 'SANDBOX_ACQUIRE_TIMEOUT' }, waitedMs: expect.any(Number) }],
    ['closed', { error: { code: 'SANDBOX_CLOSED' } }],
  ])
})

it('programEnded names the call, and has the figures of the result', async () => {
  const { pool, of } = poolWithEvents()
  pool.onCode('code', results.exit(3)).onCode('main', results.value(1))
  pool.onExec('slow', results.running()).onExec('command', results.killed('oom'))
  const sandbox = await pool.acquire('python')
  const call = <T>(name: string, run: () => PromiseLike<T>) => caller.run(name, async () => run())
  const result = await call('a', () => sandbox.runCode('code'))
  await call('b', () => sandbox.call('main'))
  await call('c', () => sandbox.exec('command'))
  const process = await call('d', () => sandbox.startProcess('slow'))
  process.kill()
  await process.exited
  const { name } = sandbox
  expect(of('programEnded').map(([event, from]) => [from, event])).toMatchObject([
    ['a', { name, call: 'runCode', exitCode: 3, durationMs: result.durationMs }],
    ['b', { name, call: 'call', exitCode: 0 }],
    ['c', { name, call: 'exec', killedBy: 'oom' }],
    ['d', { name, call: 'startProcess', killedBy: 'abort' }],
  ])
  sandbox.release()
  await pool.close()
})

it('a program that was refused has no event', async () => {
  const { pool, of } = poolWithEvents()
  const sandbox = await pool.acquire('python')
  const context = await sandbox.createCodeContext()
  pool.loseContexts()
  await expect(sandbox.runCode('1', { context })).rejects.toMatchObject({
    code: 'SANDBOX_CONTEXT_LOST',
  })
  await expect(sandbox.runCode('1', { timeoutMs: -1 })).rejects.toThrow()
  sandbox.release()
  await pool.close()
  expect(of('programEnded')).toEqual([])
})

it('launched and removed have the time that they took', async () => {
  const { pool, of } = poolWithEvents()
  await pool.start()
  await pool.close()
  const tookMs = expect.any(Number)
  expect(of('launched')).toMatchObject([[{ tookMs }, undefined]])
  expect(of('removed')).toMatchObject([[{ tookMs }, undefined]])
})
