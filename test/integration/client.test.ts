import { describe, expect, it } from 'vitest'
import { runSocket, runStream } from '../../src/client/index.js'
import { CodeRunner } from '../helpers/code-runner.js'
import { FlakyProxy } from '../helpers/flaky-proxy.js'
import { Reader } from '../helpers/reader.js'
import { until, within } from '../helpers/until.js'
import { connect } from '../helpers/websocket-app.js'

const ENV = { SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '1' }
const SLEEPS = 'print("a", flush=True)\nimport time\ntime.sleep(600)'

/** Posts a program to the code runner, and returns its run. */
function post({ url }: CodeRunner, language: string, code: string, accept: string) {
  const headers = { accept, 'content-type': 'application/json' }
  const body = JSON.stringify({ language, code, timeoutMs: 60_000 })
  return runStream(`${url}/run/stream`, { method: 'POST', headers, body })
}

describe.each(['application/x-ndjson', 'text/event-stream'])('a client of %s', (accept) => {
  it('gets the events, the refusal of a request, and `cut` if the server is killed', async () => {
    const runner = await CodeRunner.ofTest(ENV)
    const whole = await post(runner, 'python', 'print("é" * 100_000)\n42', accept)
    const events = []
    for await (const event of whole) events.push(event)
    const stdout = events.map((event) => (event.type === 'stdout' ? event.data : '')).join('')
    expect(stdout).toBe(`${'é'.repeat(100_000)}\n`)
    expect(events).toContainEqual({ type: 'result', result: { isMain: true, text: '42' } })
    expect(await whole.exit()).toMatchObject({ exitCode: 0 })

    const refused = { reason: 'refused', status: 400, code: 'BAD_REQUEST' }
    await expect(post(runner, 'cobol', '', accept)).rejects.toMatchObject(refused)

    const run = await post(runner, 'python', SLEEPS, accept)
    const reading = (async () => {
      for await (const event of run)
        if (event.type === 'stdout') await runner.process.end('SIGKILL')
    })()
    await expect(reading).rejects.toMatchObject({ reason: 'cut' })
    await expect(run.exit()).rejects.toMatchObject({ reason: 'cut' })
  })
})

describe('a client of a WebSocket', () => {
  it('gets `cut` if the server is killed, and another server does not run the program', async () => {
    let runner = await CodeRunner.ofTest(ENV)
    const proxy = await FlakyProxy.ofTest(() => Number(new URL(runner.url).port))
    const url = `ws://127.0.0.1:${proxy.port}/run/interactive`
    const run = runSocket(url, { language: 'python', code: SLEEPS }, { connect })
    const reader = new Reader(run)
    await until('the program prints a', () => reader.stdout === 'a\n')
    await runner.process.end('SIGKILL')
    runner = await CodeRunner.ofTest(ENV)
    expect(await within('the loop ends', reader.over)).toMatchObject({
      reason: 'cut',
      message: expect.stringContaining('the server does not have'),
    })
    expect(await runner.leased()).toBe(0)
  })
})
