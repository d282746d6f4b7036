import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { readHosts, refuseOtherSites } from '../../../examples/code-runner/guards/other-sites.js'
import { answerError } from '../../../examples/code-runner/requests/answer-error.js'

const app = new Hono()
  .use(refuseOtherSites(readHosts('Code.Example.com, other.example')))
  .all('*', (c) => c.text('ok'))
  .onError(answerError)

const HOST = 'HOST_NOT_ALLOWED'
const ORIGIN = 'ORIGIN_NOT_ALLOWED'
const site = (value: string) => ({ host: 'localhost', 'sec-fetch-site': value })
/** The headers of a browser that follows a link of another site. */
const LINK = { ...site('cross-site'), 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const origin = (value: string, host = 'localhost:3000') => ({ host, origin: value })

async function codeOf(
  headers: Record<string, string>,
  url = 'http://localhost:3000/',
  method = 'GET',
) {
  const response = await app.request(url, { headers, method })
  if (response.status === 200) return 'ok'
  expect(response.status).toBe(403)
  const body: unknown = await response.json()
  expect(body).toEqual({
    error: { code: expect.any(String), message: expect.stringMatching(/: /) },
  })
  expect(JSON.stringify(body)).not.toContain('evil')
  return JSON.stringify(body).includes(HOST) ? HOST : ORIGIN
}

describe('the guard allows', () => {
  it.each([
    'localhost',
    'LocalHost:3000',
    'localhost.',
    '127.0.0.1:3000',
    '192.168.1.5',
    '[::1]:3000',
    '[2001:DB8::1]',
    'code.example.com',
    'CODE.example.com.:443',
  ])('the Host header %s', async (host) => {
    expect(await codeOf({ host })).toBe('ok')
  })

  it.each([
    origin('http://localhost:3000'),
    origin('http://LOCALHOST:3000', 'localhost.:3000'),
    origin('http://[::1]:3000', '[::1]:3000'),
    origin('http://10.0.0.1', '10.0.0.1:80'),
    // A proxy before the server has TLS, and may send another host.
    origin('https://code.example.com', 'code.example.com'),
    origin('https://code.example.com', 'localhost:3000'),
    site('same-origin'),
    site('none'),
  ])('%o', async (headers) => {
    expect(await codeOf(headers)).toBe('ok')
  })
})

describe('a link of another site', () => {
  it.each(['/', '/?a=b', '/pool', '/docs', '/login'])('opens the page %s', async (path) => {
    expect(await codeOf(LINK, `http://localhost:3000${path}`)).toBe('ok')
  })

  it.each(['/run/interactive', '/session/files/a', '/pool/events', '/metrics', '//'])(
    'does not open %s',
    async (path) => {
      expect(await codeOf(LINK, `http://localhost:3000${path}`)).toBe(ORIGIN)
    },
  )

  it.each([
    { ...LINK, 'sec-fetch-dest': 'iframe' },
    { ...LINK, 'sec-fetch-mode': 'no-cors' },
    { ...LINK, origin: 'http://evil.example' },
  ])('opens a page only in a tab: %o', async (headers) => {
    expect(await codeOf(headers)).toBe(ORIGIN)
  })

  it('does not send forms', async () => {
    expect(await codeOf(LINK, 'http://localhost:3000/login', 'POST')).toBe(ORIGIN)
  })
})

describe('the guard refuses', () => {
  it.each([
    '',
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'localhost@evil.example',
    'evil.example#localhost',
    'localhost, evil.example',
    'localhost:3000:80',
    'localhost:evil',
    '127.0.0.1.evil.example',
    '2130706433',
    '127.1',
    '[::1]evil.example',
    '[evil.example]',
    '::1',
    '..',
    'localhost..',
    'sub.code.example.com',
  ])('the Host header "%s"', async (host) => {
    expect(await codeOf({ host })).toBe(HOST)
  })

  it('a request without a Host header, and a request whose target has another host', async () => {
    expect(await codeOf({})).toBe(HOST)
    expect(await codeOf({ host: 'localhost' }, 'http://evil.example/')).toBe(HOST)
  })

  it.each([
    origin('null'),
    origin(''),
    origin('http://evil.example'),
    origin('http://evil.example:3000'),
    origin('http://localhost:8080'),
    origin('http://localhost'),
    origin('http://127.0.0.1:3000'),
    origin('http://localhost:3000@evil.example'),
    origin('http://localhost:3000, http://evil.example'),
    origin('file://localhost:3000'),
    origin('chrome-extension://localhost'),
    site('cross-site'),
    site('same-site'),
    site(''),
    { ...site('cross-site'), origin: 'http://localhost' },
  ])('%o', async (headers) => {
    expect(await codeOf(headers)).toBe(ORIGIN)
  })

  it.each(['http://a.example', 'a.example:80', '*', 'a b', 'a/b'])(
    'the entry %s in ALLOWED_HOSTS',
    (entry) => {
      expect(() => readHosts(`a.example,${entry}`)).toThrow(
        /ALLOWED_HOSTS is .*expected host names/,
      )
    },
  )
})
