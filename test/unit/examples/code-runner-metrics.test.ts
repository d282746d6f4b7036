import { execFileSync, spawnSync } from 'node:child_process'
import path from 'node:path'
import { Hono } from 'hono'
import { createTestPool, results } from 'hono-sandbox/testing'
import type { SandboxPool } from 'hono-sandbox'
import * as v from 'valibot'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import {
  observeMetrics,
  printMetrics,
  registerMetrics,
} from '../../../examples/code-runner/operator/metrics.js'
import { readText, root } from '../../helpers/docs.js'
import { Scrape } from '../../helpers/prometheus.js'
import { TestSdk } from '../../helpers/telemetry.js'

const FOLDER = 'examples/code-runner/monitoring'
const sdk = new TestSdk()
/** The scrape of a server on which every event has happened, and the same by OpenTelemetry. */
let scrape: Scrape
let exported: Scrape

beforeAll(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const languages = { python: { size: 1, max: 1 } }
  const pool = createTestPool({ languages, maxWaiting: 3 })
  observeMetrics(pool)
  sdk.instrument(pool)
  await cause(pool)
  const app = new Hono().use(registerMetrics).get('/metrics', printMetrics)
  await app.request('/metrics') // so that the next scrape has the metrics of a request
  scrape = new Scrape(await (await app.request('/metrics')).text())
  exported = new Scrape(await sdk.text())
  await pool.close()
})

/** Lets a pool run out of containers, time out, lose a container and fail to launch. */
async function cause(pool: ReturnType<typeof createTestPool>): Promise<void> {
  pool.onCode('ok', results.exit(0)).onCode('oom', results.killed('oom'))
  await pool.start()
  const first = await pool.acquire('python')
  const callers = Array.from({ length: 5 }, () => pool.acquire('python', { timeoutMs: 1 }))
  await Promise.allSettled(callers)
  await first.runCode('ok')
  await first.runCode('ok')
  await first.runCode('oom')
  const ended = eventOf(pool, 'removed')
  first.release()
  await ended
  const second = await pool.acquire('python')
  await second.runCode('ok')
  pool.failLaunches('SANDBOX_IMAGE_MISSING')
  const failed = eventOf(pool, 'launchFailed')
  pool.crash()
  await failed
}

const eventOf = (pool: SandboxPool, type: 'removed' | 'launchFailed') =>
  new Promise<void>((resolve) => {
    pool.on('event', (event) => event.type === type && resolve())
  })

describe('the metrics of the code runner', () => {
  it('count refused callers, timeouts, ends and kills exactly', () => {
    const waits = 'sandbox_client_container_wait_time_seconds_count'
    const runs = 'sandbox_client_run_duration_seconds_count'
    const leases = 'sandbox_client_container_use_time_seconds_count'
    expect({
      acquired: scrape.sum(waits, { error_type: '' }),
      full: scrape.sum(waits, { error_type: 'SANDBOX_QUEUE_FULL' }),
      timedOut: scrape.sum(waits, { error_type: 'SANDBOX_ACQUIRE_TIMEOUT' }),
      timeouts: scrape.sum('sandbox_client_container_timeouts_total'),
      ran: scrape.sum(runs, { sandbox_killed_by: '' }),
      oom: scrape.sum(runs, { sandbox_killed_by: 'oom' }),
      released: scrape.sum(leases, { sandbox_lease_end: 'released' }),
      crashed: scrape.sum(leases, { sandbox_lease_end: 'crash' }),
      crashes: scrape.sum('sandbox_client_container_crashes_total'),
    }).toEqual({
      acquired: 2,
      full: 2,
      timedOut: 3,
      timeouts: 3,
      ran: 3,
      oom: 1,
      released: 1,
      crashed: 1,
      crashes: 1,
    })
    const launches = 'sandbox_client_container_create_time_seconds_count'
    expect(scrape.sum(launches, { error_type: 'SANDBOX_IMAGE_MISSING' })).toBeGreaterThan(0)
  })

  it('are those of OpenTelemetry: same names, labels and values', () => {
    expect(exported.samples.length).toBeGreaterThan(50)
    for (const { name, labels, value } of exported.samples) {
      // The exporter of OpenTelemetry for Node leaves out the unit, which a Collector adds.
      const withUnit = name.replace(/(?<=_(?:time|duration))(?=_)/, '_seconds')
      const sample = `${name} ${JSON.stringify(labels)}`
      expect(scrape.valueOf(withUnit, labels), sample).toBeCloseTo(value, 9)
    }
  })
})

const Dashboard = v.object({
  templating: v.object({ list: v.array(v.object({ query: v.string() })) }),
  panels: v.array(v.object({ targets: v.array(v.object({ expr: v.string() })) })),
})

/** The queries of the dashboard and of the alert rules. */
const QUERIES = [
  ...v
    .parse(Dashboard, JSON.parse(readText(`${FOLDER}/dashboard.json`)))
    .panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...Array.from(
    readText(`${FOLDER}/alerts.yaml`).matchAll(/^ +expr: (.+)$/gm),
    ([, expr = '']) => expr,
  ),
]

const WORDS = new Set(['and', 'on', 'by', 'sum', 'max', 'up'])

/** The names of the metrics and of the labels in a query. */
function namesIn(query: string): { metrics: string[]; labels: string[] } {
  const grouped = Array.from(query.matchAll(/\b(?:by|on) \(([^)]*)\)/g), ([, names = '']) => names)
  const matched = Array.from(
    query.matchAll(/([\w]+)\s*(?:=~|!=|!~|=)\s*"/g),
    ([, name = '']) => name,
  )
  const rest = query.replaceAll(/\b(?:by|on) \([^)]*\)|\{[^}]*\}|\[[^\]]*\]/g, ' ')
  const metrics = Array.from(rest.matchAll(/\b[a-z_]\w*\b(?!\s*\()/gi), ([name]) => name)
  return {
    metrics: metrics.filter((name) => !WORDS.has(name)),
    labels: [...grouped.flatMap((names) => names.split(/,\s*/)), ...matched],
  }
}

describe('the dashboard and the alert rules', () => {
  // Prometheus itself adds these labels to the samples of a target.
  const added = ['instance', 'job']

  it.each(QUERIES)('ask for metrics and labels that exist: %s', (query) => {
    const { metrics, labels } = namesIn(query)
    expect(metrics.length + Number(query.startsWith('up'))).toBeGreaterThan(0)
    for (const metric of metrics) expect(scrape.names).toContain(metric)
    const known = [...scrape.labels, ...added]
    for (const label of labels) expect(known).toContain(label)
  })

  it('show every metric of a pool, except the sessions', () => {
    const asked = new Set(
      QUERIES.flatMap((query) => namesIn(query).metrics).map((name) =>
        name.replace(/_(bucket|count|sum)$/, ''),
      ),
    )
    const all = [...scrape.names]
      .filter((name) => name.startsWith('sandbox_client_'))
      .map((name) => name.replace(/(?<=_seconds)_(bucket|count|sum)$|_count$/, ''))
    expect([...new Set(all)].filter((name) => !asked.has(name))).toEqual([
      'sandbox_client_session',
      'sandbox_client_container_timeouts_total',
    ])
  })

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0

  it.skipIf(!hasPromtool)('pass the tests of promtool, if it is installed', () => {
    const cwd = path.join(root, FOLDER)
    expect(
      execFileSync('promtool', ['check', 'rules', 'alerts.yaml'], { cwd }).toString(),
    ).toContain('SUCCESS')
    execFileSync('promtool', ['test', 'rules', 'alerts.test.yaml'], { cwd })
  })
})
