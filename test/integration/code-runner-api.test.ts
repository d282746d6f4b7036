import { describe, expect, it } from 'vitest'
import { createClient } from '../../examples/code-runner/client.js'
import { ApiDocument } from '../helpers/api-document.js'
import { Browser } from '../helpers/browser.js'
import { CodeRunner } from '../helpers/code-runner.js'

const TOKEN = 'a-token-for-tests-0123456789'
const NDJSON = { headers: { accept: 'application/x-ndjson' } }
const QUERY = { language: 'python' } as const

describe('the API of the code runner', () => {
  it('answers each route of the OpenAPI document as the document says', async () => {
    const runner = await CodeRunner.ofTest({
      HOST: '0.0.0.0',
      CODE_RUNNER_TOKEN: TOKEN,
      SANDBOX_RUNTIME: 'runc',
    })
    const browser = new Browser(runner.url)
    const client = createClient(runner.url, {
      token: TOKEN,
      fetch: async (input, init) => browser.fetch(input, init),
    })
    const headers = { authorization: `Bearer ${TOKEN}` }
    const api = new ApiDocument(await (await browser.request('/openapi.json', { headers })).json())
    const file = client.session.files[':path{.+}']
    const param = { path: 'in/a.txt' }
    const code = 'print(open("in/a.txt").read()); display({"a": 1}); open("b.txt", "w").write("b")'
    const files = [{ path: 'in/a.txt', content: Buffer.from('a').toString('base64') }]
    const json = { language: 'python', code, files } as const

    /** In this order: the upload opens the session that the later calls use. */
    const calls: [name: string, call: () => Promise<Response>, status: number][] = [
      ['healthz', () => client.healthz.$get(), 200],
      ['readyz', () => client.readyz.$get(), 200],
      ['languages', () => client.languages.$get(), 200],
      ['metrics', () => client.metrics.$get(), 200],
      ['run', () => client.run.$post({ json }), 200],
      ['runStream', () => client.run.stream.$post({ json }, NDJSON), 200],
      ['runInteractive', () => client.run.interactive.$get(), 426],
      ['writeFile', () => file.$put({ param, query: QUERY }, { init: { body: 'a' } }), 204],
      ['listFiles', () => client.session.files.$get({ query: QUERY }), 200],
      ['readFile', () => file.$get({ param, query: QUERY }), 200],
      ['runCell', () => client.session.run.stream.$post({ json }, NDJSON), 200],
      ['interrupt', () => client.session.interrupt.$post({ json: QUERY }), 204],
      ['removeFile', () => file.$delete({ param, query: QUERY }), 204],
      ['endSession', () => client.session.$delete({ query: QUERY }), 204],
    ]
    expect(calls.map(([name]) => name).sort()).toEqual(api.names.sort())
    for (const [name, call, status] of calls) {
      const response = await call()
      expect(response.status, `${name}: ${response.status}`).toBe(status)
      await api.expectAnswer(name, response)
    }
    const list = await client.languages.$get()
    if (list.status !== 200) throw new Error(`the status is ${list.status}`)
    const { languages } = await list.json()
    expect(languages.map(({ name }) => name)).toEqual(['python', 'nodejs', 'typescript'])
    for (const { version } of languages) expect(version).toMatch(/^\d+\.\d+/)
  })
})
