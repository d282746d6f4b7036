import { once } from 'node:events'
import { serve, type ServerType } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createApp } from '../../examples/agent/app.js'
import { chatModel } from '../../examples/agent/model.js'
import { Browser } from '../helpers/browser.js'
import { runtimes, usePool } from '../helpers/engine.js'
import { urlOf } from '../helpers/http.js'

const SECRET = 'a secret of tests, which is long enough'
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47])

/** What a model answers: a text, or a call of a tool. */
type Answer = string | { tool: string; args: unknown }

/** A chat endpoint that answers with a script. */
class ScriptedModel {
  script: Answer[] = []
  /** The requests that it got. */
  requests: { model?: string; tools: object[]; messages: { content: string }[] }[] = []
  keys: (string | undefined)[] = []
  readonly fetch = new Hono().post('/chat', async (c) => {
    this.requests.push(await c.req.json())
    this.keys.push(c.req.header('authorization'))
    const next = this.script.shift()
    if (next === undefined) return c.text('the script is over', 500)
    const message =
      typeof next === 'string'
        ? { role: 'assistant', content: next }
        : { role: 'assistant', content: null, tool_calls: [callOf(next)] }
    return c.json({ choices: [{ message }] })
  }).fetch

  /** The last message of each request: the task, and then the results of tools. */
  get seen(): string[] {
    return this.requests.map(({ messages }) => messages.at(-1)?.content ?? '')
  }
}

function callOf({ tool, args }: Exclude<Answer, string>) {
  const text = typeof args === 'string' ? args : JSON.stringify(args)
  return { id: 'call_1', type: 'function', function: { name: tool, arguments: text } }
}

const run = (code: string): Answer => ({ tool: 'run_python', args: { code } })
const give = (path: string): Answer => ({ tool: 'return_file', args: { path } })

describe.each(runtimes)('the agent under %s', (runtime) => {
  const image = 'hono-sandbox/python-data:bookworm'
  const preload = ['matplotlib.pyplot', 'pandas']
  const python = { image, preload, memory: '512m', size: 1, max: 3 }
  const pool = usePool({ runtime, languages: { python }, evictIdle: true })
  let model = new ScriptedModel()
  const servers: ServerType[] = []
  const listen = async (app: { fetch: Hono['fetch'] }) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    servers.push(server)
    await once(server, 'listening')
    return urlOf(server)
  }
  let url = ''
  beforeAll(async () => {
    const address = await listen({ fetch: async (request) => model.fetch(request) })
    const chat = `${address.replace('//', '//:a%2Fkey@')}/chat?model=scripted`
    url = await listen(createApp(chatModel(chat), SECRET, pool()))
  })
  beforeEach(() => void (model = new ScriptedModel()))
  afterAll(() => servers.forEach((server) => void server.close()))

  const ask = async (browser: Browser, task: string, files: Record<string, string> = {}) => {
    const form = new FormData()
    form.append('task', task)
    for (const [name, text] of Object.entries(files)) form.append('file', new Blob([text]), name)
    return browser.request('/tasks', { method: 'POST', body: form })
  }

  it('reads a file, repairs its error, plots, and returns the file', async () => {
    model.script = [
      run('import pandas as pd\nsales = pd.read_csv("sales.csv")\nsales["amount"].sum()'),
      run('list(sales.columns)'),
      run('int(sales["sale"].sum())'),
      run('import matplotlib.pyplot as plt\nplt.plot(sales["sale"])\nplt.savefig("sales.png")'),
      give('sales.png'),
      'The sum is 7. The plot is in sales.png.',
    ]
    const browser = new Browser(url)
    const sales = 'day,sale\nmon,3\ntue,4\n'
    const answer = await ask(browser, 'Sum and plot the sales.', { 'sales.csv': sales })
    expect(await answer.json()).toEqual({
      answer: 'The sum is 7. The plot is in sales.png.',
      files: ['/files/sales.png'],
    })
    expect(model.seen).toEqual([
      'Sum and plot the sales.',
      expect.stringContaining("KeyError: 'amount'"),
      "['day', 'sale']",
      '7',
      expect.any(String),
      'The user has the file.',
    ])
    expect(model.requests[0]).toMatchObject({ model: 'scripted', tools: [{}, {}] })
    expect(new Set(model.keys)).toEqual(new Set(['Bearer a/key']))

    const file = await browser.request('/files/sales.png')
    expect(Buffer.from(await file.arrayBuffer()).subarray(0, 4)).toEqual(PNG)
    expect((await new Browser(url).request('/files/sales.png')).status).toBe(404)
    expect(pool().listSessions()).toHaveLength(1)
    model.script = [run('int(sales["sale"].max())'), 'It is 4.']
    expect(await (await ask(browser, 'And the maximum?')).json()).toMatchObject({ files: [] })
    expect(model.seen.at(-1)).toBe('4')
  })

  it('tells the model what it did wrong', async () => {
    model.script = [
      { tool: 'constructor', args: {} },
      { tool: 'run_python', args: 'no JSON' },
      { tool: 'return_file', args: { path: 1 } },
      give('a\0b'),
      give('missing.txt'),
      give('/tmp'),
      run('print("x" * 10_000)'),
      run('import os\nos._exit(3)'),
      run('6 * 7'),
      'I give up.',
    ]
    const answer = await ask(new Browser(url), 'Try all.')
    expect(await answer.json()).toEqual({ answer: 'I give up.', files: [] })
    expect(model.seen.slice(1)).toEqual([
      "Error: there is no tool 'constructor'",
      'Error: expected { "code": string }',
      'Error: expected { "path": string }',
      expect.stringMatching(/^Error: .*NUL/),
      expect.stringMatching(/^Error: ENOENT/),
      'Error: this is a directory',
      expect.stringMatching(/^x{4000} \.\.\.$/),
      'The process has ended, and the variables are gone.',
      '42',
    ])
  })

  it('throws if the model does not answer the task', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => log.mockRestore())
    const browser = new Browser(url)
    expect((await ask(browser, '')).status).toBe(400)
    model.script = Array.from({ length: 30 }, () => give('missing.txt'))
    expect((await ask(browser, 'Never stop.')).status).toBe(500)
    expect(model.requests).toHaveLength(20)
    model.script = []
    expect((await ask(browser, 'No model.')).status).toBe(500)
    expect(log.mock.calls.map(([error]) => String(error))).toEqual([
      'Error: the model has no answer after 20 turns',
      'Error: the model answered with the status 500',
    ])
  })
})
