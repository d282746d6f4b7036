import { results } from 'hono-sandbox/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { PoolFigures } from '../../../examples/code-runner/playground/pool-figures.js'
import { endingOf } from '../../../examples/code-runner/page/ending.js'
import { errorLine } from '../../../examples/code-runner/page/error-line.js'
import { runSocket, runStream } from '../../../src/client/index.js'
import { useApp } from '../../helpers/code-runner-app.js'
import { Reader } from '../../helpers/reader.js'
import { until } from '../../helpers/until.js'

const app = useApp()
const RUN = { language: 'python', code: 'write', collect: true }
const FILES = { json: { filesOfRun: [{ path: 'b.txt', size: 3, content: 'bmV3' }] } }

beforeAll(() => {
  app().pool.onCode('write', [results.stdout('out'), results.files({ 'b.txt': 'new' })])
})

/** Runs a program over a stream or a WebSocket, and returns its events. */
async function eventsOf(kind: 'stream' | 'socket', run: object) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
  const reader = new Reader(
    kind === 'stream'
      ? await runStream(`${app().url}/run/stream`, { ...init, body: JSON.stringify(run) })
      : runSocket(`${app().url.replace('http', 'ws')}/run/interactive`, run, {
          connect: (url) => new WebSocket(url),
        }),
  )
  await reader.over
  return reader.events
}

describe.each(['stream', 'socket'] as const)('a run over a %s', (kind) => {
  it('has the files that it made before its exit, if the client collects them', async () => {
    const files = [{ path: 'a.txt', content: 'b2xk' }]
    const events = await eventsOf(kind, { ...RUN, files })
    expect(events).toMatchObject([
      { type: 'stdout' },
      { type: 'result', result: FILES },
      { type: 'exit' },
    ])
    const plain = await eventsOf(kind, { ...RUN, collect: false })
    expect(plain).toMatchObject([{ type: 'stdout' }, { type: 'exit' }])
  })
})

describe('the pages', () => {
  it.each(['/', '/pool'])(
    '%s has no inline script, and a policy that allows none',
    async (path) => {
      const page = await app().request(path)
      const scripts = (await page.text()).match(/<script[^>]*>[^<]*/g)
      expect(scripts).toEqual([
        expect.stringMatching(/^<script type="module" src="\/page\/\w+.js">$/),
      ])
      expect(page.headers.get('content-security-policy')).toContain("script-src 'self';")
    },
  )

  it('serve only their own files', async () => {
    for (const name of ['constructor', '..%2Fapp.js', 'build.js'])
      expect((await app().request(`/page/${name}`)).status).toBe(404)
  })
})

it('the figures of the pool have the waits, the launches and the ends of the leases', async () => {
  const { pool } = app()
  const figures = new PoolFigures(pool)
  expect(figures.read().python).toMatchObject({ waitP50Ms: null, waitP95Ms: null, ends: {} })
  for (let waitedMs = 1; waitedMs <= 600; waitedMs++) {
    const event = { type: 'acquired' as const, language: 'python', name: 'a', waitedMs }
    pool.emit('acquired', event)
  }
  await eventsOf('stream', { ...RUN, collect: false })
  await until('a lease has ended', () => figures.read().python?.ends.released === 1)
  const { python } = figures.read()
  // Of the latest 500 waits.
  expect(python?.waitP50Ms).toBeGreaterThanOrEqual(345)
  expect(python?.waitP95Ms).toBeGreaterThanOrEqual(570)
  expect(python).toMatchObject({ leased: 0, launchesFailed: 0, max: expect.any(Number) })
})

describe('errorLine()', () => {
  it.each([
    ['File "/workspace/main.py", line 4, in <module>\n  File "main.py", line 2, in half', 2],
    ['File "/tmp/context-9/cell-4.py", line 3, in <module>\n  File "cell-1.py", line 1, in f', 3],
    ['File "/workspace/main.py", line 1\n  File "/usr/lib/python3/json.py", line 299', 1],
    [
      'TypeError: no\n    at f (/workspace/main.js:7:25)\n    at Object.<anonymous> (/workspace/main.js:9:1)',
      7,
    ],
    ['Error: no\n    at f (/workspace/cell-1.ts:5:9)\n    at /workspace/cell-2.ts:7:1', 7],
    ['/workspace/main.mjs:2\nlet = = 3\n\nSyntaxError: Unexpected token', 2],
    ['MemoryError', undefined],
  ])('finds the innermost line of the code in %j', (traceback, line) => {
    expect(errorLine(traceback)).toBe(line)
  })
})

it('shows the name of an error without characters that change the rest of the line', () => {
  const error = { name: 'E\u{202e}\u{7}é', message: '', traceback: '' }
  const usage = { cpuMs: 1, maxRssBytes: undefined }
  const exit = { exitCode: 1, signal: null, durationMs: 5, usage, truncated: false, error }
  expect(endingOf({ type: 'exit', ...exit }, 4).text).toBe(
    'E\u{fffd}\u{fffd}é on line 4 after 5 ms',
  )
})
