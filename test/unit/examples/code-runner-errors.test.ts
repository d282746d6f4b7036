import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createClient } from '../../../examples/code-runner/client.js'
import { ApiDocument } from '../../helpers/api-document.js'
import { CodeRunnerApp, TOKEN, useApp } from '../../helpers/code-runner-app.js'
import { fetchOnce } from '../../helpers/http.js'

const app = useApp({ CODE_RUNNER_TOKEN: TOKEN })
const headers = { authorization: `Bearer ${TOKEN}` }
const json = { ...headers, 'content-type': 'application/json' }
const CHOICE = '?language=python'
const RUN = JSON.stringify({ language: 'python', code: '1' })
const RUNS = ['run', 'runStream', 'runCell'] as const
const PATHS = { run: '/run', runStream: '/run/stream', runCell: '/session/run/stream' }

let api: ApiDocument
beforeAll(async () => {
  const response = await app().request('/openapi.json', { headers })
  api = new ApiDocument(await response.json())
})

describe('an error has the status and the body of the OpenAPI document', () => {
  it.each(
    RUNS.flatMap((name) => [
      { name, status: 400, init: { headers: json, body: '{}' } },
      { name, status: 401, init: {} },
      { name, status: 403, init: { headers: { ...json, origin: 'https://evil.example' } } },
      { name, status: 413, init: { headers: json, body: 'x'.repeat(8 * 1024 * 1024 + 1) } },
      { name, status: 415, init: { headers, body: 'code' } },
    ]),
  )('$name $status', async ({ name, status, init }) => {
    const response = await app().request(PATHS[name], { method: 'POST', ...init })
    expect(response.status).toBe(status)
    await api.expectAnswer(name, response)
  })

  it.each([
    ['interrupt', 400, 'POST', '/session/interrupt'],
    ['endSession', 400, 'DELETE', '/session'],
    ['listFiles', 400, 'GET', '/session/files'],
    ['readFile', 400, 'GET', `/session/files/a%00${CHOICE}`],
    ['readFile', 404, 'GET', `/session/files/a${CHOICE}`],
    ['writeFile', 400, 'PUT', '/session/files/a'],
    ['removeFile', 404, 'DELETE', `/session/files/a${CHOICE}`],
    ['runInteractive', 426, 'GET', '/run/interactive'],
  ])('%s %i', async (name, status, method, path) => {
    const response = await app().request(path, { method, headers })
    expect(response.status).toBe(status)
    await api.expectAnswer(name, response)
    const unauthorized = await app().request(path, { method })
    expect(unauthorized.status).toBe(401)
    await api.expectAnswer(name, unauthorized)
  })

  it('429, and the client of Hono has its type', async () => {
    const limited = await CodeRunnerApp.ofTest({ CODE_RUNNER_RATE_LIMIT: '1' })
    const { languages } = createClient(limited.url, { fetch: fetchOnce })
    expect((await languages.$get()).status).toBe(200)
    const refused = await languages.$get()
    if (refused.status !== 429) throw new Error(`the status is ${refused.status}`)
    const { error } = await refused.json()
    expect(error.code).toBe('TOO_MANY_REQUESTS')
    await api.expectAnswer('languages', await languages.$get())
  })

  it('500', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => log.mockRestore())
    // No script answers the code, so the test pool throws an error that is not one of the library.
    const failed = await app().request('/run', { method: 'POST', headers: json, body: RUN })
    expect([failed.status, log.mock.calls.length]).toEqual([500, 1])
    await api.expectAnswer('run', failed)
  })

  it('503', async () => {
    const broken = new CodeRunnerApp({})
    onTestFinished(() => broken.close())
    broken.pool.on('launchFailed', () => {})
    broken.pool.loseEngine()
    await broken.started()
    for (const name of RUNS) {
      const refused = await broken.request(PATHS[name], {
        method: 'POST',
        headers: json,
        body: RUN,
      })
      expect(refused.status).toBe(503)
      await api.expectAnswer(name, refused)
    }
    const notReady = await broken.request('/readyz')
    expect(notReady.status).toBe(503)
    await api.expectAnswer('readyz', notReady)
  })
})
