import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { CodeRunnerApp, TOKEN, useApp } from '../../helpers/code-runner-app.js'

const SECRET = 'x'.repeat(32)
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const app = useApp({ CODE_RUNNER_TOKEN: TOKEN, CODE_RUNNER_SECRET: SECRET })

/** A cookie of `app()`. Tests share it, because a client can log in only ten times in a minute. */
let known: Promise<string> | undefined
const login = () => (known ??= loginTo(app()))

function post(server: CodeRunnerApp, token: string, headers: Record<string, string> = {}) {
  return server.request('/login', {
    method: 'POST',
    body: new URLSearchParams({ token }),
    headers,
  })
}

/** Logs in, and returns the cookie. */
async function loginTo(server: CodeRunnerApp): Promise<string> {
  const response = await post(server, TOKEN)
  expect(response.status).toBe(303)
  return response.headers.get('set-cookie')?.split(';')[0] ?? ''
}

async function statusWith(cookie: string, headers: Record<string, string> = {}) {
  return (await app().request('/languages', { headers: { cookie, ...headers } })).status
}

describe('the login of a browser', () => {
  it('sets a cookie that scripts and other sites cannot use', async () => {
    const response = await post(app(), ` ${TOKEN}\n`)
    expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(
      /^code_runner_login=[\w.%]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    expect(cookie).not.toContain(TOKEN)
    expect(await statusWith(cookie.split(';')[0] ?? '')).toBe(200)
  })

  it('has a cookie for this host and HTTPS alone in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    const server = await CodeRunnerApp.ofTest({ CODE_RUNNER_TOKEN: TOKEN })
    const response = await post(server, TOKEN)
    expect(response.headers.get('set-cookie')).toMatch(
      /^__Host-code_runner_login=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
  })

  it('shows the form again for a wrong token, without a cookie', async () => {
    const response = await post(app(), 'wrong')
    expect([response.status, response.headers.get('set-cookie')]).toEqual([401, null])
    const text = await response.text()
    expect(text).toContain('This token is wrong.')
    expect(text).not.toContain('value="wrong"')
  })

  it.each([
    ['JSON', { 'content-type': 'application/json' }, JSON.stringify({ token: TOKEN }), 415],
    ['a text', { 'content-type': 'text/plain' }, `token=${TOKEN}`, 415],
    ['a long form', FORM, `token=${'x'.repeat(5000)}`, 413],
  ])('refuses %s', async (_, headers, body, status) => {
    const server = await CodeRunnerApp.ofTest({ CODE_RUNNER_TOKEN: TOKEN })
    const response = await server.request('/login', { method: 'POST', headers, body })
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({
      error: { code: expect.any(String), message: expect.any(String) },
    })
  })

  it('stops a client after ten attempts in a minute', async () => {
    const server = await CodeRunnerApp.ofTest({ CODE_RUNNER_TOKEN: TOKEN })
    const statuses = []
    for (let count = 0; count < 11; count++) statuses.push((await post(server, 'wrong')).status)
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429])
    const right = await post(server, TOKEN)
    expect([right.status, right.headers.get('set-cookie')]).toEqual([429, null])
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('ends with the logout', async () => {
    const response = await app().request('/logout', { method: 'POST' })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login'])
    expect(response.headers.get('set-cookie')).toMatch(/^code_runner_login=; Max-Age=0; Path=\//)
  })

  it('is not needed without a token', async () => {
    const server = await CodeRunnerApp.ofTest({})
    for (const [method, path] of [
      ['GET', '/login'],
      ['POST', '/login'],
      ['POST', '/logout'],
    ] as const) {
      const response = await server.request(path, { method })
      expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    }
    expect((await server.request('/languages')).status).toBe(200)
  })
})

describe('the cookie of a login', () => {
  it('is refused if it is changed', async () => {
    const cookie = await login()
    const [, endsAt = '', signature = ''] = /=(\d+)\.(.*)/.exec(cookie) ?? []
    const later = String(Number(endsAt) + 1000)
    for (const value of [
      '',
      endsAt,
      `${endsAt}.`,
      `${endsAt}.${'A'.repeat(43)}%3D`,
      `${later}.${signature}`,
      `1${endsAt}.${signature}`,
      `Infinity.${signature}`,
      TOKEN,
    ]) {
      expect(await statusWith(`code_runner_login=${value}`), value).toBe(401)
    }
    expect(await statusWith(cookie)).toBe(200)
  })

  it('is refused by a server with another secret or another token', async () => {
    const others = [
      { CODE_RUNNER_TOKEN: TOKEN },
      { CODE_RUNNER_TOKEN: TOKEN, CODE_RUNNER_SECRET: `${SECRET}y` },
      { CODE_RUNNER_TOKEN: `${TOKEN}y`, CODE_RUNNER_SECRET: SECRET },
    ]
    const cookie = await login()
    for (const env of others) {
      const server = await CodeRunnerApp.ofTest(env)
      const response = await server.request('/languages', { headers: { cookie } })
      expect(response.status).toBe(401)
    }
    const same = await CodeRunnerApp.ofTest({
      CODE_RUNNER_TOKEN: TOKEN,
      CODE_RUNNER_SECRET: SECRET,
    })
    expect((await same.request('/languages', { headers: { cookie } })).status).toBe(200)
  })

  it('is refused when it is too old', async () => {
    const cookie = await login()
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    vi.setSystemTime(Date.now() + 7 * 24 * 3600 * 1000 - 60_000)
    expect(await statusWith(cookie)).toBe(200)
    vi.setSystemTime(Date.now() + 61_000)
    expect(await statusWith(cookie)).toBe(401)
  })

  it('is not the cookie of a session', async () => {
    const cookie = await login()
    const opened = await app().request('/session/files/a?language=python', {
      method: 'PUT',
      body: 'a',
      headers: { cookie },
    })
    const session = opened.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(session).toMatch(/^sandbox_session=/)
    const value = session.slice(session.indexOf('=') + 1)
    expect(await statusWith(`code_runner_login=${value}`)).toBe(401)
  })
})

describe('a page of another site', () => {
  const CROSS: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://127.0.0.1:1' },
  ]

  it.each(CROSS)('cannot log a browser in or out: %o', async (headers) => {
    const attempt = await post(app(), TOKEN, headers)
    expect([attempt.status, attempt.headers.get('set-cookie')]).toEqual([403, null])
    for (const [method, path] of [
      ['GET', '/login'],
      ['POST', '/logout'],
      ['OPTIONS', '/login'],
    ] as const) {
      const response = await app().request(path, { method, headers })
      expect([response.status, response.headers.get('set-cookie')]).toEqual([403, null])
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
  })

  it.each(CROSS)('cannot use the cookie: %o', async (headers) => {
    expect(await statusWith(await login(), headers)).toBe(403)
  })

  it('cannot open a WebSocket with the cookie, which the own page can', async () => {
    const cookie = await login()
    expect(await app().upgrade({ cookie, origin: 'https://evil.example' })).toBe(403)
    expect(await app().upgrade({ cookie, origin: app().url })).toBe(101)
    expect(await app().upgrade({ origin: app().url })).toBe(401)
  })
})
