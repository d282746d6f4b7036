import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { CodeRunner } from '../helpers/code-runner.js'
import { Scrape } from '../helpers/prometheus.js'
import { until } from '../helpers/until.js'

const SMALL = { SANDBOX_RUNTIME: 'runc', SANDBOX_POOL_SIZE: '2' }

const scrape = async ({ url }: CodeRunner) =>
  new Scrape(await (await fetch(`${url}/metrics`)).text())

/** Programs that end by themselves, by their time limit, their memory limit and their output. */
const ENDS = [
  { code: 'print(1)' },
  { code: 'import sys; sys.exit(3)' },
  { code: 'while True: pass', timeoutMs: 300 },
  { code: 'parts = []\nwhile True: parts.append(bytearray(10_000_000))' },
  { code: 'while True: print("x" * 10_000)' },
]

interface Outcome {
  ran?: v.InferOutput<typeof Ran>
  refused?: string
}

/** Returns the end of a run as its client sees it: the result, or the code of the refusal. */
async function outcomeOf(runner: CodeRunner, program: object): Promise<Outcome> {
  const answer = await runner.post({ language: 'python', timeoutMs: 30_000, ...program })
  const body: unknown = await answer.json()
  return answer.ok ? { ran: v.parse(Ran, body) } : { refused: v.parse(Refused, body).error.code }
}

const Ran = v.object({ killedBy: v.nullable(v.string()), durationMs: v.number() })
const Refused = v.object({ error: v.object({ code: v.string() }) })

describe('GET /metrics', () => {
  it('has the exact figures of what happened, under load', async () => {
    const runner = await CodeRunner.ofTest(SMALL)
    // One after the other, so that each of them gets a container. Some of those that follow may not.
    const outcomes: Outcome[] = []
    for (const program of ENDS) outcomes.push(await outcomeOf(runner, program))
    const crowd = [...ENDS, ...ENDS, ...ENDS].map((program) => outcomeOf(runner, program))
    outcomes.push(...(await Promise.all(crowd)))
    expect((await runner.post({ language: 'python' })).status).toBe(400)
    await until('no lease is open', async () => (await runner.leased()) === 0)
    const found = await scrape(runner)
    const python = { sandbox_language: 'python' }

    const ran = outcomes.flatMap(({ ran }) => (ran ? [ran] : []))
    expect(new Set(ran.map(({ killedBy }) => killedBy))).toEqual(
      new Set([null, 'timeout', 'oom', 'output']),
    )
    for (const reason of new Set(ran.map(({ killedBy }) => killedBy))) {
      const runs = ran.filter(({ killedBy }) => killedBy === reason)
      const labels = { ...python, sandbox_call: 'runCode', sandbox_killed_by: reason ?? '' }
      const seconds = runs.reduce((sum, { durationMs }) => sum + durationMs / 1000, 0)
      const run = 'sandbox_client_run_duration_seconds'
      expect(found.sum(`${run}_count`, labels), `runs with ${reason}`).toBe(runs.length)
      expect(found.sum(`${run}_sum`, labels), `time of ${reason}`).toBeCloseTo(seconds, 6)
    }
    const refused = outcomes.flatMap(({ refused }) => (refused ? [refused] : []))
    const waits = 'sandbox_client_container_wait_time_seconds_count'
    expect(found.sum(waits, { ...python, error_type: '' })).toBe(ran.length)
    for (const code of new Set(refused)) {
      const callers = refused.filter((each) => each === code).length
      expect(found.sum(waits, { ...python, error_type: code }), code).toBe(callers)
    }
    expect(found.sum('sandbox_client_container_timeouts_total', python)).toBe(
      refused.filter((code) => code === 'SANDBOX_ACQUIRE_TIMEOUT').length,
    )
    expect(found.sum('sandbox_client_container_use_time_seconds_count', python)).toBe(ran.length)
    for (const [status, count] of [
      ['200', ran.length],
      ['503', refused.length],
      ['400', 1],
    ] as const) {
      expect(found.sum('http_requests_total', { route: '/run', status }), status).toBe(count)
    }
    const count = 'sandbox_client_container_count'
    expect(found.sum(count, { sandbox_container_state: 'leased' })).toBe(0)
    expect(found.sum(count, python)).toBeLessThanOrEqual(
      found.sum('sandbox_client_container_max', python),
    )
  })

  it('and the log have nothing of a request', async () => {
    const runner = await CodeRunner.ofTest({ ...SMALL, LOG_LEVEL: 'trace' })
    const mark = 'mark7351'
    const code = `import os, sys
print(open('${mark}.txt').read(), input(), sys.argv[1], os.environ['${mark}'])
print('${mark}', file=sys.stderr)
raise ValueError('${mark}')`
    const answer = await runner.run({
      language: 'python',
      code,
      stdin: mark,
      args: [mark],
      env: { [mark]: mark },
      files: [{ path: `${mark}.txt`, content: Buffer.from(mark).toString('base64') }],
    })
    expect(answer.stdout.trim()).toBe([mark, mark, mark, mark].join(' '))
    await runner.run({ language: 'python', code: `import os; os.kill(os.getppid(), 9) # ${mark}` })
    await runner.post({ language: mark, [mark]: code })
    await runner.post(mark)
    await fetch(`${runner.url}/${mark}?${mark}`)
    await runner.post({ language: 'python', code, files: [{ path: `/${mark}`, content: '' }] })
    const { lines } = runner.process
    const logged = () =>
      lines.filter((line) => line.startsWith('{')).map((line): unknown => JSON.parse(line))
    await until('the end of the lease is logged', () =>
      JSON.stringify(logged()).includes('"ended"'),
    )
    expect(logged()).toContainEqual(
      expect.objectContaining({
        level: 'info',
        event: 'programEnded',
        language: 'python',
        call: 'runCode',
        exitCode: 1,
      }),
    )
    expect(lines.join('\n')).not.toContain(mark)
    expect(await (await fetch(`${runner.url}/metrics`)).text()).not.toContain(mark)
  })
})
