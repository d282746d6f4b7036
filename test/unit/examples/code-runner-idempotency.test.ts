import { randomUUID } from 'node:crypto'
import { results } from 'hono-sandbox/testing'
import { expect, it, vi } from 'vitest'
import { KeptAnswers } from '../../../examples/code-runner/requests/kept-answers.js'
import { useApp } from '../../helpers/code-runner-app.js'
import { within } from '../../helpers/until.js'
import { useCacheClock } from '../fakes/fake-time.js'

const app = useApp()

const post = async (key: string, body: object, init: RequestInit = {}) => {
  const response = await app().request('/run', {
    method: 'POST',
    body: JSON.stringify({ language: 'python', ...body }),
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    ...init,
  })
  const replayed = response.headers.get('idempotency-replayed')
  return {
    status: response.status,
    replayed,
    headers: response.headers,
    body: await response.json(),
  }
}

it('a repeated request gets the same answer, and its program runs once', async () => {
  const { pool } = app()
  pool.onCode('once', [results.stdout('hi\n'), results.files({ 'a.txt': 'a' })])
  const key = randomUUID()
  const first = await post(key, { code: 'once' })
  const runs = pool.runs.length
  const second = await post(key, { code: 'once' })
  expect(first).toMatchObject({ status: 200, replayed: null, body: { stdout: 'hi\n' } })
  expect(second).toMatchObject({ status: 200, replayed: 'true', body: first.body })
  expect(pool.runs).toHaveLength(runs)
  // Another key runs it again, and has another container.
  expect((await post(randomUUID(), { code: 'once' })).body).not.toEqual(first.body)
})

it('a repeated program that failed is not run again', async () => {
  app().pool.onCode('fails', [results.error({ name: 'Bad', message: 'bad' }), results.exit(1)])
  const key = randomUUID()
  const { body } = await post(key, { code: 'fails' })
  expect(await post(key, { code: 'fails' })).toMatchObject({ replayed: 'true', body })
})

it('the same key with another body is refused with 422', async () => {
  app().pool.onCode(/^a/, [])
  const file = (text: string) => [{ path: 'a.txt', content: Buffer.from(text).toString('base64') }]
  const key = randomUUID()
  await post(key, { code: 'a', files: file('one') })
  for (const other of [
    { code: 'ab', files: file('one') },
    { code: 'a', files: file('two') },
    { code: 'a' },
  ]) {
    expect(await post(key, other)).toMatchObject({
      status: 422,
      body: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } },
    })
  }
})

it('a repeated request is refused with 409 while the first one runs', async () => {
  const { pool } = app()
  let finish = () => {}
  const held = new Promise<void>((resolve) => (finish = resolve))
  pool.onCode('slow', async function* () {
    await held
    yield results.stdout('done')
  })
  const key = randomUUID()
  const begun = pool.nextRun()
  const first = post(key, { code: 'slow' })
  await begun
  const second = await post(key, { code: 'slow' })
  expect(second).toMatchObject({ status: 409, body: { error: { code: 'IDEMPOTENCY_KEY_IN_USE' } } })
  expect(second.headers.get('retry-after')).toBe('1')
  finish()
  const { body } = await within('the first request ends', first)
  expect(await post(key, { code: 'slow' })).toMatchObject({ status: 200, body })
})

it('a request whose client left can be repeated', async () => {
  const { pool } = app()
  pool.onCode('left', results.running())
  const ended = new Promise<void>((resolve) => pool.once('programEnded', () => resolve()))
  const key = randomUUID()
  const abort = new AbortController()
  const begun = pool.nextRun()
  const first = post(key, { code: 'left' }, { signal: abort.signal })
  await begun
  abort.abort()
  await expect(first).rejects.toThrow()
  await within('the run ends', ended)
  pool.onCode('left', results.stdout('second'))
  await vi.waitFor(async () => {
    expect(await post(key, { code: 'left' })).toMatchObject({
      status: 200,
      replayed: null,
      body: { stdout: 'second' },
    })
  })
})

it('a key that is too long is refused', async () => {
  expect(await post('x'.repeat(256), { code: 'a' })).toMatchObject({ status: 400 })
})

/** Runs the first request of a key, and keeps its answer of some bytes. */
function keep(answers: KeptAnswers, key: string, bytes: number): void {
  answers.begin(key, 'hash')
  answers.keep(key, new ArrayBuffer(bytes))
  answers.end(key)
}

it('the answers that are kept are bounded, and the oldest leave first', () => {
  const answers = new KeptAnswers()
  answers.begin('runs', 'hash')
  for (let index = 0; index < 1001; index++) keep(answers, `${index}`, 1)
  expect(answers.get('runs')).toBeDefined()
  expect(answers.get('0')).toBeUndefined()
  expect(answers.get('1')).toBeDefined()
  keep(answers, 'large', 64 * 1024 * 1024 - 1000)
  expect(answers.get('1000')).toBeUndefined()
  expect(answers.get('large')).toBeDefined()
  keep(answers, 'larger', 64 * 1024 * 1024)
  expect(answers.get('larger')).toBeUndefined()
})

it('an answer is kept for ten minutes', () => {
  const passTo = useCacheClock()
  const answers = new KeptAnswers()
  passTo(1000)
  keep(answers, 'old', 1)
  passTo(601_000)
  expect(answers.get('old')).toBeDefined()
  passTo(601_001)
  expect(answers.get('old')).toBeUndefined()
})
