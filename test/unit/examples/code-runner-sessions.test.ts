import { results } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { Browser } from '../../helpers/browser.js'
import { useApp } from '../../helpers/code-runner-app.js'
import { BodyReader, eventsIn, textOf } from '../../helpers/events.js'
import { until, within } from '../../helpers/until.js'

const app = useApp()
const open = () => new Browser(app().url)
/** Starts a cell. */
const startCell = (browser: Browser, code: string, more: object = {}) =>
  browser.post('/session/run/stream', { language: 'python', code, ...more })

const NEW = { 'sandbox-session': 'new' }
const KEPT = { 'sandbox-session': 'kept' }

/** The sessions that are open. A new one can take the place of another. */
const ids = () =>
  app()
    .pool.listSessions()
    .map(({ id }) => id)

/** Runs a cell to its end, and returns its headers and its events. */
async function run(session: Browser, code: string, more?: object) {
  const response = await startCell(session, code, more)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return { headers: Object.fromEntries(response.headers), events: eventsIn(text) }
}

describe('the cells of a session', () => {
  it('run in one context, and the answer tells whether the session is new', async () => {
    app().pool.onCode('x = 1', [])
    app().pool.onCode('x', results.text('1'))
    const session = open()
    const first = await run(session, 'x = 1')
    expect(first.headers).toMatchObject(NEW)
    expect(first.headers).not.toHaveProperty('sandbox-session-lost')
    const second = await run(session, 'x')
    expect(second.headers).toMatchObject(KEPT)
    expect(second.events).toMatchObject([
      { type: 'result', result: { isMain: true, text: '1' } },
      { type: 'exit', exitCode: 0, context: 'kept' },
    ])
    const [one, two] = app().pool.runs.slice(-2)
    expect(one?.context).toBeDefined()
    expect([two?.context, two?.session]).toEqual([one?.context, one?.session])
  })

  it('of another browser, and of another language, belong to another session', async () => {
    app().pool.onCode('1', [])
    const session = open()
    await run(session, '1')
    expect((await run(open(), '1')).headers).toMatchObject(NEW)
    expect((await run(session, '1', { language: 'nodejs' })).headers).toMatchObject(NEW)
    expect((await run(session, '1')).headers).toMatchObject(KEPT)
  })

  it('have the files of their request', async () => {
    app().pool.onCode('files', (_, { files }) =>
      results.stdout(['a/b.txt', 'c.txt'].map((name) => files.get(name)?.toString()).join()),
    )
    const session = open()
    const form = new FormData()
    form.set('language', 'python')
    form.set('code', 'files')
    form.set('file', new File(['one'], 'a/b.txt'))
    form.append('file', new File(['two'], 'c.txt'))
    const answer = await session.request('/session/run/stream', { method: 'POST', body: form })
    expect(textOf(eventsIn(await answer.text()), 'stdout')).toBe('one,two')
  })

  it.each([{ stdin: 'a' }, { args: ['a'] }, { env: { A: 'a' } }, { code: 5 }, { language: 'c' }])(
    'are refused with %o, and open no session',
    async (more) => {
      const sessions = ids()
      const response = await startCell(open(), '1', more)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: { code: 'BAD_REQUEST' } })
      expect(ids()).toEqual(sessions)
    },
  )

  it('run one after the other, and an interrupt does not wait for its turn', async () => {
    app().pool.onCode('endless', [results.stdout('begun'), results.running()])
    app().pool.onCode('next', results.stdout('next'))
    const session = open()
    const reader = new BodyReader(await startCell(session, 'endless', { timeoutMs: 60_000 }))
    await reader.until('begun')
    const next = run(session, 'next')
    const interrupt = await within(
      'the interrupt is answered while the cell runs',
      session.post('/session/interrupt', { language: 'python' }),
    )
    expect(interrupt.status).toBe(204)
    const events = eventsIn(await reader.rest())
    expect(events.at(-1)).toMatchObject({ type: 'exit', context: 'kept' })
    const after = await next
    expect(after.headers).toMatchObject(KEPT)
    expect(textOf(after.events, 'stdout')).toBe('next')
  })

  it('get their files when it is their turn', async () => {
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    app().pool.onCode('first', async function* () {
      yield results.stdout('begun')
      await finished
      yield results.files({ 'a.txt': 'of the first' })
    })
    app().pool.onCode('second', (_, { files }) =>
      results.stdout(files.get('a.txt')?.toString() ?? ''),
    )
    const session = open()
    const reader = new BodyReader(await startCell(session, 'first'))
    await reader.until('begun')
    const content = Buffer.from('of the second').toString('base64')
    const second = run(session, 'second', { files: [{ path: 'a.txt', content }] })
    // Without turns, the second cell would have written its file by the end of these requests.
    for (let count = 0; count < 10; count++) await session.request('/session/files?language=python')
    finish()
    await reader.rest()
    expect(textOf((await second).events, 'stdout')).toBe('of the second')
  })

  it('begin a new context after one that was lost, without an error', async () => {
    app().pool.onCode('dies', results.killed('oom'))
    app().pool.onCode('lives', [])
    const session = open()
    expect((await run(session, 'dies')).events.at(-1)).toMatchObject({ context: 'lost' })
    const next = await run(session, 'lives')
    expect(next.headers).toMatchObject(KEPT)
    expect(next.events.at(-1)).toMatchObject({ type: 'exit', exitCode: 0, context: 'kept' })
  })

  it('are interrupted if the client leaves, and the session stays', async () => {
    app().pool.onCode('endless', [results.stdout('begun'), results.running()])
    app().pool.onCode('next', [])
    const session = open()
    const reader = new BodyReader(await startCell(session, 'endless', { timeoutMs: 60_000 }))
    await reader.until('begun')
    await reader.cancel()
    expect((await run(session, 'next')).headers).toMatchObject(KEPT)
  })
})

describe('a session', () => {
  it('ends, and the next cell gets the reason', async () => {
    app().pool.onCode('1', [])
    const session = open()
    await run(session, '1')
    await run(session, '1', { language: 'nodejs' })
    const end = () => session.request('/session?language=python', { method: 'DELETE' })
    expect([(await end()).status, (await end()).status]).toEqual([204, 204])
    const next = await run(session, '1')
    expect(next.headers).toMatchObject({ ...NEW, 'sandbox-session-lost': 'ended' })
    expect((await run(session, '1')).headers).not.toHaveProperty('sandbox-session-lost')
    expect((await run(session, '1', { language: 'nodejs' })).headers).toMatchObject(KEPT)
  })

  it('has a cookie that only this server can make', async () => {
    app().pool.onCode('1', [])
    const session = open()
    await run(session, '1')
    const changed = session.cookie.replace(/=./, (start) => (start === '=a' ? '=b' : '=a'))
    expect(changed).not.toBe(session.cookie)
    const response = await app().request('/session/run/stream', {
      method: 'POST',
      headers: { cookie: changed, 'content-type': 'application/json' },
      body: JSON.stringify({ language: 'python', code: '1' }),
    })
    expect(Object.fromEntries(response.headers)).toMatchObject(NEW)
    expect(response.headers.get('set-cookie')).toMatch(
      /^sandbox_session=.*; HttpOnly; SameSite=Lax/,
    )
  })

  it('is not opened by an interrupt or an end', async () => {
    const sessions = ids()
    const interrupt = await open().post('/session/interrupt', { language: 'python' })
    const end = await open().request('/session?language=python', { method: 'DELETE' })
    expect([interrupt.status, end.status]).toEqual([204, 204])
    expect(ids()).toEqual(sessions)
  })

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"language":"c"}',
    '{"language":"python","s3cr3t":1}',
    '{"s3cr',
  ])('refuses the interrupt %s', async (body) => {
    const response = await open().request('/session/interrupt', { method: 'POST', body })
    const text = await response.text()
    expect(response.status).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
    expect(text).not.toContain('s3cr')
  })

  it('refuses an interrupt with a long body', async () => {
    const body = JSON.stringify({ language: 'x'.repeat(5000) })
    const response = await open().request('/session/interrupt', { method: 'POST', body })
    expect(response.status).toBe(413)
  })

  it.each([
    '',
    '?language=',
    '?language=c',
    '?language=python&language=nodejs',
    '?language=python&a=1',
  ])('is not chosen by the query "%s"', async (query) => {
    const response = await open().request(`/session${query}`, { method: 'DELETE' })
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { message: 'the query: expected language=python or nodejs or typescript' } },
    ])
  })

  it('makes room for another one when it is idle', async () => {
    app().pool.onCode('1', [])
    const session = open()
    await run(session, '1', { language: 'typescript' })
    const others = Array.from({ length: 4 }, () => open())
    for (const other of others) {
      expect((await run(other, '1', { language: 'typescript' })).headers).toMatchObject(NEW)
    }
    await until('the session has ended', async () => {
      const { headers } = await run(session, '1', { language: 'typescript' })
      return headers['sandbox-session-lost'] === 'evicted'
    })
  })
})
