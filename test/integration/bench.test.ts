import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { buildInto, makeBuildFolder } from '../helpers/build.js'

const DEADLINE_MS = 300_000

const Results = v.object({
  machine: v.object({ cores: v.number(), engine: v.string() }),
  rows: v.array(
    v.object({
      scenario: v.string(),
      what: v.string(),
      n: v.pipe(v.number(), v.minValue(1)),
      p50: v.pipe(v.number(), v.finite()),
    }),
  ),
  targets: v.array(v.object({ what: v.string(), value: v.pipe(v.number(), v.finite()) })),
})

const folder = makeBuildFolder('bench')
const bench = (...args: string[]) =>
  promisify(execFile)(process.execPath, [path.join(folder, 'dist/test/bench/main.js'), ...args], {
    timeout: DEADLINE_MS,
  })

beforeAll(async () => {
  await buildInto(folder)
  await buildInto(folder, 'tsconfig.bench.json')
})
afterAll(() => rmSync(folder, { recursive: true }))

it(
  'the benchmark measures all scenarios and draws the plots',
  { timeout: DEADLINE_MS },
  async () => {
    const out = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-test-'))
    onTestFinished(() => rmSync(out, { recursive: true }))
    const { stdout } = await bench('--smoke', '--runtime', 'runc', '--out', out)
    const files = readdirSync(out)
    const json = files.find((name) => name.endsWith('.json')) ?? ''
    const { rows, targets } = v.parse(
      Results,
      JSON.parse(readFileSync(path.join(out, json), 'utf8')),
    )
    expect([...new Set(rows.map(({ scenario }) => scenario))].sort()).toEqual([
      'acquire',
      'arrivals',
      'burst',
      'fill',
      'fresh rate',
      'import pandas',
      'other ways',
      'server',
      'soak',
      'transfer',
      'warm rate',
      'warm run',
      'whole request',
    ])
    const lost = rows.filter(({ what }) => what === 'callers that were not served')
    expect(lost.map(({ p50 }) => p50)).toEqual([0, 0])
    expect(targets.length).toBeGreaterThan(8)
    expect(stdout).toContain('a new container for each run')
    const drawn = files.filter((name) => name.endsWith('.svg'))
    expect(drawn).toHaveLength(10)
    for (const name of drawn) expect(readFileSync(path.join(out, name), 'utf8')).toMatch(/^<svg /)
  },
)

it('the benchmark reports the other scenarios if one fails, and exits with 1', async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-test-'))
  onTestFinished(() => rmSync(out, { recursive: true }))
  const program = path.join(out, 'program.py')
  // The program works on the host and fails in a container.
  writeFileSync(program, "import os; print(1 / 0 if os.getcwd() == '/workspace' else 42)")
  const args = ['--smoke', '--only', 'fresh,fill', '--runtime', 'runc', '--language', 'python']
  const failed = await bench(...args, '--python', program, '--out', out).catch((error) => error)
  expect(failed).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /FAILED: python, runc: fresh: a run ended with 1: .*ZeroDivisionError[^]*### fill/,
    ),
  })
})

it.each([
  [['--only', 'nonsense'], /--only takes warm, .*, not "nonsense"/],
  [['--fast'], /Unknown option '--fast'/],
])('the benchmark rejects invalid options: %j', async (args, message) => {
  await expect(bench(...args)).rejects.toMatchObject({ stderr: expect.stringMatching(message) })
})
