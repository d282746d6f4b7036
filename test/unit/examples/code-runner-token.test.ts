import { describe, expect, it } from 'vitest'
import { TOKEN, useApp } from '../../helpers/code-runner-app.js'

const app = useApp({ CODE_RUNNER_TOKEN: TOKEN, CODE_RUNNER_SECRET: 'x'.repeat(32) })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** The routes that need the token, without those that only a valid body reaches. */
const ROUTES = [
  ['POST', '/run'],
  ['POST', '/run/stream'],
  ['GET', '/run/interactive'],
  ['POST', '/session/run/stream'],
  ['POST', '/session/interrupt'],
  ['DELETE', '/session?language=python'],
  ['GET', '/session/files?language=python'],
  ['GET', '/session/files/a?language=python'],
  ['PUT', '/session/files/a?language=python'],
  ['DELETE', '/session/files/a?language=python'],
  ['GET', '/languages'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['HEAD', '/docs'],
  ['OPTIONS', '/run'],
  ['GET', '/no-such-route'],
  ['PATCH', '/run'],
] as const

describe('a server with a token', () => {
  it.each(ROUTES)(
    'refuses %s %s without the token, also with a wrong one',
    async (method, path) => {
      for (const headers of [{}, bearer(`${TOKEN}x`)]) {
        const response = await app().request(path, { method, headers })
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /)
        if (method === 'HEAD') continue
        expect(await response.json()).toEqual({
          error: { code: 'UNAUTHORIZED', message: expect.any(String) },
        })
      }
      const response = await app().request(path, { method, headers: bearer(TOKEN) })
      expect(response.status).not.toBe(401)
    },
  )

  it.each(['/healthz', '/readyz', '/login', '/plain.css'])(
    'answers %s without it',
    async (path) => {
      expect((await app().request(path)).status).toBe(200)
    },
  )

  it.each([
    TOKEN.slice(1),
    TOKEN.slice(0, -1),
    TOKEN.toUpperCase(),
    `${TOKEN}=`,
    TOKEN + TOKEN,
    'x'.repeat(TOKEN.length),
    '=',
    '',
    `${TOKEN}, Bearer x`,
    `"${TOKEN}"`,
    'x'.repeat(15_000),
  ])('refuses the token "%s"', async (token) => {
    const response = await app().request('/languages', { headers: bearer(token) })
    expect([400, 401]).toContain(response.status)
    const text = await response.text()
    expect(JSON.parse(text)).toEqual({
      error: { code: expect.any(String), message: expect.any(String) },
    })
    expect(text).not.toContain(TOKEN.slice(1, -1))
  })

  it.each(['Basic YTpi', 'Bearer', `bearer${TOKEN}`, TOKEN, `Token ${TOKEN}`])(
    'refuses the header "%s"',
    async (authorization) => {
      const response = await app().request('/languages', { headers: { authorization } })
      expect(response.status).toBe(400)
    },
  )

  it.each(['?token=', '?access_token='])(
    'does not take the token from the URL: %s',
    async (query) => {
      expect((await app().request(`/languages${query}${TOKEN}`)).status).toBe(401)
    },
  )

  it('sends a browser that opens a page to the login', async () => {
    const accept = 'text/html,application/xhtml+xml'
    const opened = await app().request('/docs', { headers: { accept } })
    expect([opened.status, opened.headers.get('location')]).toEqual([302, '/login'])
    const posted = await app().request('/run', { method: 'POST', headers: { accept } })
    expect(posted.status).toBe(401)
    const wrong = await app().request('/docs', { headers: { accept, ...bearer('wrong') } })
    expect(wrong.status).toBe(401)
  })

  it.each([
    ['no token', {}, 401],
    ['the token', bearer(TOKEN), 101],
  ])('answers the upgrade to a WebSocket with %s', async (_, headers, status) => {
    expect(await app().upgrade(headers)).toBe(status)
  })
})
