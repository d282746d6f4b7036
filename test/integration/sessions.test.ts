import { once } from 'node:events'
import { inspect } from 'node:util'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as v from 'valibot'
import type { SandboxPool } from 'hono-sandbox'
import type { SandboxOptions } from 'hono-sandbox/middleware'
import { sandbox, streamSandbox } from 'hono-sandbox/middleware'
import { docker, poolOfTest, runtimes, usePool } from '../helpers/engine.js'
import { urlOf } from '../helpers/http.js'
import { until } from '../helpers/until.js'

const SECRET = 'sk-4f1d9c-secret'
/** Counts the cells of a notebook. A notebook of another user would have another owner. */
const COUNT = (user: string) => `
owner = globals().get('owner', '${user}')
cells = globals().get('cells', 0) + 1
f'{owner} {cells}'`

const Cell = v.object({
  text: v.optional(v.string()),
  name: v.string(),
  isNew: v.boolean(),
  lost: v.optional(v.string()),
})

/** An app whose users are known by a header, as after an authentication. */
function appOf(pool: SandboxPool) {
  const options: SandboxOptions = { pool, session: (c) => c.req.header('x-user') }
  const session = sandbox({
    ...options,
    sessionIdleMs: 60_000,
    sessionConcurrency: 1,
    acquireTimeoutMs: 60_000,
    env: (c) => ({ TOKEN: c.req.header('x-token') }),
  })
  return new Hono()
    .post('/stop', sandbox({ ...options, sessionMustExist: true }), (c) => c.text('stopped'))
    .post('/cell', session, async (c) => {
      const box = c.get('sandbox')
      const [context = await box.createCodeContext()] = box.listCodeContexts()
      const { text } = await box.runCode(await c.req.text(), { context })
      const { isNew, lostReason } = box.session ?? {}
      return c.json({ text, name: box.name, isNew, lost: lostReason })
    })
    .post('/stream', session, async (c) => {
      const box = c.get('sandbox')
      const [context = await box.createCodeContext()] = box.listCodeContexts()
      return streamSandbox(c, box.runCode(await c.req.text(), { context }))
    })
    .post('/sh', session, async (c) => {
      const { stdout } = await c.get('sandbox').exec(await c.req.text())
      return c.text(stdout)
    })
    .post('/plain', sandbox({ pool }), async (c) => {
      return c.text((await c.get('sandbox').exec(await c.req.text())).stdout)
    })
}

describe.each(runtimes)('sessions over HTTP under %s', (runtime) => {
  const python = { size: 2, max: 4 }
  const pool = usePool({ runtime, languages: { python }, evictIdle: true })
  let server: ReturnType<typeof serve> | undefined
  let url = ''
  beforeAll(async () => {
    server = serve({ fetch: appOf(pool()).fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    url = urlOf(server)
  })
  afterAll(() => void server?.close())

  const post = async (
    path: string,
    body: string,
    { user = '', token = '', signal }: { user?: string; token?: string; signal?: AbortSignal } = {},
  ) => {
    const headers = { ...(user && { 'x-user': user }), ...(token && { 'x-token': token }) }
    return fetch(url + path, { method: 'POST', body, headers, ...(signal && { signal }) })
  }
  const cell = async (user: string, code: string) => {
    const answer = await post('/cell', code, { user })
    expect(answer.status).toBe(200)
    return v.parse(Cell, await answer.json())
  }

  it('seven users share three places, and each one gets its own state or is told its loss', async () => {
    const losses: (string | undefined)[] = []
    const notebook = async (user: string) => {
      let cells = 0
      for (let round = 0; round < 3; round++) {
        const { text, isNew, lost } = await cell(user, COUNT(user))
        cells = isNew ? 1 : cells + 1
        expect(text).toBe(`'${user} ${cells}'`)
        expect(lost).toBe(isNew && round > 0 ? 'evicted' : undefined)
        losses.push(lost)
      }
    }
    const users = Array.from({ length: 7 }, (_, index) => `user-${index}`)
    await Promise.all(users.map(notebook))
    expect(losses.filter((lost) => lost === 'evicted').length).toBeGreaterThan(0)
    expect(pool().stats().python?.sessions).toBeLessThanOrEqual(3)
    expect(await (await post('/plain', 'echo free')).text()).toBe('free\n')
  }, 120_000)

  it('a client that leaves a stream interrupts its run, and the variables stay', async () => {
    const user = 'leaver'
    await cell(user, 'x = 41')
    const client = new AbortController()
    const stream = await post('/stream', 'print("on", flush=True)\nwhile True: pass', {
      user,
      signal: client.signal,
    })
    const reader = stream.body?.getReader()
    await reader?.read()
    client.abort()
    await reader?.closed.catch(() => {})
    expect(await cell(user, 'x + 1')).toMatchObject({ text: '42', isNew: false })
  })

  it('a route with sessionMustExist opens no session', async () => {
    const unknown = { error: { code: 'SANDBOX_UNKNOWN_SESSION' } }
    for (const user of ['', 'stranger']) {
      const refused = await post('/stop', '', { user })
      expect(refused.status).toBe(404)
      expect(await refused.json()).toMatchObject(unknown)
    }
    await cell('known', '1')
    expect(await (await post('/stop', '', { user: 'known' })).text()).toBe('stopped')
    expect(pool().listSessions()).not.toContainEqual(expect.objectContaining({ id: 'stranger' }))
  })

  it('a session whose container is killed begins anew, and its next request is told', async () => {
    const { name } = await cell('victim', 'x = 1')
    await docker.getContainer(name).kill()
    await until('the session is gone', () =>
      pool()
        .listSessions()
        .every(({ id }) => id !== 'victim'),
    )
    expect(await cell('victim', '"x" in globals()')).toMatchObject({
      text: 'False',
      isNew: true,
      lost: 'crash',
    })
    expect(await cell('victim', '1')).toMatchObject({ isNew: false })
  })

  it('the variables of a request are nowhere but in its programs', async () => {
    const user = 'spy'
    const own = await post('/sh', 'echo $TOKEN', { user, token: SECRET })
    expect(await own.text()).toBe(`${SECRET}\n`)
    const hunt = `cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; env; grep -rs '${SECRET.slice(3)}' /workspace /tmp`
    for (const path of ['/sh', '/plain']) {
      const found = await (await post(path, hunt, { user })).text()
      expect(found).toContain('PATH=')
      expect(found.replaceAll(hunt, '')).not.toContain(SECRET)
    }
    const { name } = await cell(user, '1')
    const texts = [
      await docker.getContainer(name).inspect(),
      pool().stats(),
      pool().listSessions(),
      inspect(pool(), { depth: 20, showHidden: true }),
    ]
    expect(JSON.stringify(texts)).not.toContain(SECRET)
  })
})

describe.each(runtimes)('the end of sessions under %s', (runtime) => {
  it('onSessionEnd saves the files of each session when the pool closes', async () => {
    const saved = new Map<string, unknown>()
    const warn = vi.spyOn(process, 'emitWarning')
    const pool = await poolOfTest({
      runtime,
      languages: { python: { size: 2, max: 3 } },
      onSessionEnd: async ({ id, reason }, box) => {
        saved.set(id, [reason, await box?.readFile('notes.txt', { format: 'text' })])
      },
    })
    const idle = await pool.session('python', 'idle')
    await idle.writeFile('notes.txt', 'of idle')
    idle.release()
    const busy = await pool.session('python', 'busy')
    const writing = busy.exec('sleep 1; printf "of busy" > notes.txt')
    const closed = pool.close({ deadlineMs: 20_000 })
    await expect(pool.session('python', 'busy')).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    await until('the idle session is saved', () => saved.has('idle'))
    expect((await writing).killedBy).toBeUndefined()
    busy.release()
    await closed
    expect(Object.fromEntries(saved)).toEqual({
      idle: ['closed', 'of idle'],
      busy: ['closed', 'of busy'],
    })
    expect(warn.mock.calls.map(([message]) => message)).toEqual([])
  })

  it('a session ends when it is idle, and its next request is told', async () => {
    const pool = await poolOfTest({ runtime, languages: { python: { size: 1, max: 3 } } })
    const first = await pool.session('python', 'ada', { sessionIdleMs: 100 })
    await first.exec('touch mine')
    first.release()
    await until('the session has ended', () => pool.listSessions().length === 0)
    const next = await pool.session('python', 'ada')
    expect(next.session).toMatchObject({ isNew: true, lostReason: 'idle' })
    expect(await next.exists('mine')).toBe(false)
    next.release()
  })
})
