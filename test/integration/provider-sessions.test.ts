import { computeProvider, tanstackProvider } from 'hono-sandbox/adapters'
import { beforeEach, expect, it } from 'vitest'
import { deferred } from '../../src/util/deferred.js'
import { usePool } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

let onSessionStart: () => Promise<void>
let onSessionEnd: () => Promise<void>
const pool = usePool({
  languages: { python: { size: 1, max: 2 } },
  evictIdle: true,
  onSessionStart: () => onSessionStart(),
  onSessionEnd: () => onSessionEnd(),
})
const optionsOf = () => ({ pool: pool(), language: 'python', acquireTimeoutMs: 60_000 })

beforeEach(() => {
  onSessionStart = onSessionEnd = async () => {}
})

it('a caller that leaves while its session opens leaves no session behind', async () => {
  const restored = deferred<void>()
  const { signal, abort } = abortable()
  onSessionStart = () => {
    abort()
    return restored.promise
  }
  const created = computeProvider(optionsOf()).sandbox.create({ signal })
  const outcome = expect(created).rejects.toThrow('stopped')
  await until('the session opens', () => signal.aborted)
  restored.resolve()
  await outcome
  expect(pool().listSessions()).toEqual([])
})

it('a command that is aborted before its lease begins rejects with the reason', async () => {
  const handle = await tanstackProvider(optionsOf()).create({})
  const { signal, abort } = abortable()
  const running = handle.process.exec('true', { signal })
  abort()
  await expect(running).rejects.toThrow('stopped')
  await handle.destroy()
})

it('a call of a sandbox that ends does not take the place of another sandbox', async () => {
  const saved = deferred<void>()
  onSessionEnd = () => saved.promise
  const [ada, bob] = ['ada', 'bob'].map((tenant) => computeProvider({ ...optionsOf(), tenant }))
  const first = await ada?.sandbox.create()
  const over = first?.destroy()
  const called = expect(first?.runCommand('true')).rejects.toMatchObject({
    code: 'SANDBOX_UNKNOWN_SESSION',
  })
  const created = bob?.sandbox.create()
  saved.resolve()
  const second = await created
  await Promise.all([over, called])
  expect(await second?.runCommand('echo bob')).toMatchObject({ stdout: 'bob\n' })
  await second?.destroy()
})

it('a sandbox of the greatest age has processes', async () => {
  const provider = tanstackProvider({ ...optionsOf(), sessionTtlMs: 2 ** 31 - 1 })
  const handle = await provider.create({})
  const process = await handle.process.spawn('exit 3')
  expect(await process.wait()).toBe(3)
  await handle.destroy()
})

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort(new Error('stopped')) }
}
