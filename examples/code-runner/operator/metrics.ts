import { prometheus } from '@hono/prometheus'
import type { SandboxPool } from 'hono-sandbox'
import type { Measurement, Metric } from 'hono-sandbox/metrics'
import { BUCKETS, METRICS, observePool, readPool } from 'hono-sandbox/metrics'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of this process. */
const registry = new Registry()
const counters = new Map<string, Counter>()
const histograms = new Map<string, Histogram>()
let observed: SandboxPool | undefined

/**
 * `registerMetrics` is a middleware that counts and times the requests; `printMetrics` is the handler
 * of `GET /metrics`.
 */
export const { registerMetrics, printMetrics } = prometheus({
  registry,
  collectDefaultMetrics: true,
})

for (const [name, metric] of Object.entries(METRICS)) register(name, metric)

/** Adds the figures of a pool to the metrics of this process. Call it once. */
export function observeMetrics(pool: SandboxPool): void {
  observed = pool
  observePool(pool, ({ metric, value, attributes }) => {
    counters.get(metric)?.inc(labelsOf(attributes), value)
    histograms.get(metric)?.observe(labelsOf(attributes), value)
  })
  // A counter that exists only from its first increment on would hide that increment from `rate()`.
  for (const language of Object.keys(pool.stats())) {
    for (const counter of counters.values()) counter.inc({ sandbox_language: language }, 0)
  }
}

function register(name: string, metric: Metric): void {
  const config = {
    name: prometheusName(name, metric),
    help: metric.description,
    labelNames: metric.attributes.map(underscored),
    registers: [registry],
  }
  if (metric.kind === 'counter') counters.set(name, new Counter(config))
  if (metric.kind === 'histogram') {
    histograms.set(name, new Histogram({ ...config, buckets: [...BUCKETS] }))
  }
  if (metric.kind !== 'updowncounter') return
  const gauge: Gauge = new Gauge({
    ...config,
    collect: () => {
      gauge.reset()
      for (const { metric, value, attributes } of observed ? readPool(observed) : []) {
        if (metric === name) gauge.set(labelsOf(attributes), value)
      }
    },
  })
}

/** Returns the name that a Collector of OpenTelemetry gives the metric for Prometheus. */
function prometheusName(name: string, { kind, unit }: Metric): string {
  const seconds = unit === 's' ? '_seconds' : ''
  return underscored(name) + seconds + (kind === 'counter' ? '_total' : '')
}

function labelsOf(attributes: Measurement['attributes']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [underscored(name), value]),
  )
}

function underscored(name: string): string {
  return name.replaceAll('.', '_')
}
