import { request } from 'node:http'
import { Validator } from '@seriousme/openapi-schema-validator'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { createClient } from '../../../examples/code-runner/client.js'
import { TOKEN, useApp } from '../../helpers/code-runner-app.js'
import { codesIn, tableOf } from '../../helpers/docs.js'
import { fetchOnce } from '../../helpers/http.js'

const app = useApp({ CODE_RUNNER_TOKEN: TOKEN })
const headers = { authorization: `Bearer ${TOKEN}` }
const get = (path: string, method = 'GET') => app().request(path, { method, headers })

/** The routes that belong to pages, and are not in the OpenAPI document. */
const PAGES = new Set([
  'GET /openapi.json',
  'GET /docs',
  'GET /login',
  'POST /login',
  'POST /logout',
  'GET /plain.css',
  'GET /',
  'GET /pool',
  'GET /pool/events',
  'GET /page/{file}',
])

const Operation = v.object({
  operationId: v.string(),
  responses: v.record(v.string(), v.looseObject({})),
})
const ApiDocument = v.object({ paths: v.record(v.string(), v.record(v.string(), Operation)) })

async function documentOfApp() {
  return v.parse(ApiDocument, await (await get('/openapi.json')).json())
}

describe('the OpenAPI document', () => {
  it('is a valid document of version 3.1', { timeout: 60_000 }, async () => {
    const validator = new Validator()
    const response = await get('/openapi.json')
    expect(response.headers.get('content-type')).toBe('application/json')
    const document = v.parse(v.record(v.string(), v.unknown()), await response.json())
    const outcome = await validator.validate(document)
    expect(outcome).toEqual({ valid: true })
    expect(validator.version).toBe('3.1')
  })

  it('has each route with a name of its own, and an example of each error', async () => {
    const { paths } = await documentOfApp()
    const operations = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        route: `${method} ${path}`,
        operation,
      })),
    )
    const names = operations.map(({ operation }) => operation.operationId)
    expect(new Set(names).size).toBe(names.length)
    for (const { operation, route } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || status === '416') continue
        expect(response, `${route} ${status}`).toMatchObject({
          content: { 'application/json': { example: expect.anything() } },
        })
      }
    }
  })

  it('has the routes of the table in the docs', async () => {
    const { paths } = await documentOfApp()
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const documented = tableOf('docs/code-runner.md', 'Route').rows.map(
      ([name = '']) => codesIn(name)[0] ?? '',
    )
    expect(documented.filter((name) => !PAGES.has(name)).sort()).toEqual(described.sort())
  })

  it('is also a page, which needs nothing from other hosts', async () => {
    const response = await get('/docs')
    expect(response.headers.get('content-type')).toMatch(/^text\/html\b/)
    const text = await response.text()
    expect(text).not.toMatch(/<script|<style|style=|(?:src|href)="(?:https?:)?\/\//)
    const { paths } = await documentOfApp()
    for (const item of Object.values(paths)) {
      for (const { operationId } of Object.values(item)) {
        expect(text).toContain(`<section id="${operationId}">`)
      }
    }
    expect(text).toContain('<td><code>timeoutMs</code></td>')
    // The placeholders of the description are text.
    expect(text).toContain('Authorization: Bearer &lt;token&gt;')
  })
})

describe('the API', () => {
  it.each([
    ['GET', '/run', 'POST'],
    ['HEAD', '/run', 'POST'],
    ['OPTIONS', '/run', 'POST'],
    ['PUT', '/run/stream', 'POST'],
    ['POST', '/run/interactive', 'GET, HEAD'],
    ['GET', '/session', 'DELETE'],
    ['PATCH', '/session/files', 'GET, HEAD'],
    ['POST', '/session/files/a/b', 'GET, HEAD, PUT, DELETE'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['DELETE', '/login', 'GET, HEAD, POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('answers 405 to %s %s, with the methods that the path has', async (method, path, allow) => {
    const response = await get(path, method)
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    if (method === 'HEAD') return
    expect(await response.json()).toEqual({
      error: { code: 'METHOD_NOT_ALLOWED', message: `this path allows only: ${allow}` },
    })
  })

  it.each(['/nothing', '/run/', '/run/stream/x', '/Run', '//run', '/session/files/'])(
    'answers 404 to %s',
    async (path) => {
      const response = await get(path)
      expect(response.status).toBe(404)
      expect(response.headers.get('allow')).toBeNull()
      expect(await response.json()).toEqual({
        error: { code: 'NOT_FOUND', message: 'no such route' },
      })
    },
  )

  it('answers 426 to a request that does not ask for a WebSocket', async () => {
    const { status, answerHeaders } = await raw('/run/interactive')
    expect(status).toBe(426)
    expect(answerHeaders).toMatchObject({ upgrade: 'websocket', connection: 'Upgrade' })
    expect((await get('/run/interactive', 'HEAD')).status).toBe(426)
  })

  it('gives each response an id and the headers that limit a browser', async () => {
    for (const path of ['/healthz', '/docs', '/nothing', '/login']) {
      const response = await get(path)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'x-request-id': expect.stringMatching(/^[\da-f-]{36}$/),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'same-origin',
        'content-security-policy': expect.stringMatching(
          /^default-src 'none'; script-src 'self'; style-src 'self';(?!.*unsafe)/,
        ),
      })
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
    const unauthorized = await app().request('/docs')
    expect(unauthorized.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
  })

  it('keeps the id of a proxy if it is plain', async () => {
    const idOf = async (id: string) =>
      (await app().request('/healthz', { headers: { 'x-request-id': id } })).headers.get(
        'x-request-id',
      )
    expect(await idOf('proxy-1')).toBe('proxy-1')
    expect(await idOf('<b>')).toMatch(/^[\da-f-]{36}$/)
    expect(await idOf('x'.repeat(1000))).toMatch(/^[\da-f-]{36}$/)
  })

  it('lists the languages with their versions', async () => {
    const { languages } = createClient(app().url, { token: TOKEN, fetch: fetchOnce })
    const list = await languages.$get()
    expect(await list.json()).toMatchObject({
      languages: [
        { name: 'python', title: 'Python', version: '3.13.5' },
        { name: 'nodejs', title: 'JavaScript' },
        { name: 'typescript', title: 'TypeScript' },
      ],
    })
    // Each version is asked for once.
    const before = app().pool.runs.length
    await languages.$get()
    expect(app().pool.runs.length).toBe(before)
  })
})

/** Sends a request without `fetch`, which hides the header `Connection`. */
async function raw(path: string) {
  return new Promise<{ status: number | undefined; answerHeaders: object }>((resolve, reject) => {
    const sent = request(app().url + path, { headers }, (response) => {
      response.resume()
      resolve({ status: response.statusCode, answerHeaders: response.headers })
    })
    sent.once('error', reject).end()
  })
}
