import type {
  BatchObservableCallback,
  Counter,
  Histogram,
  Meter,
  MeterProvider,
  ObservableUpDownCounter,
  TracerProvider,
} from '@opentelemetry/api'
import { metrics, trace } from '@opentelemetry/api'
import type { SandboxPoolEvent } from '../pool-events.js'
import type { SandboxPool } from '../sandbox-pool.js'
import type { Measurement } from './metrics.js'
import { BUCKETS, METRICS, observePool, readPool } from './metrics.js'
import { Spans } from './spans.js'

/** The options of {@link instrumentPool}. */
export interface InstrumentPoolOptions {
  /**
   * The source of the tracer.
   *
   * @default the global provider
   */
  tracerProvider?: TracerProvider | undefined
  /**
   * The source of the meter.
   *
   * @default the global provider
   */
  meterProvider?: MeterProvider | undefined
}

/** The name of the instrumentation scope. */
const SCOPE = 'hono-sandbox'

/**
 * Records the spans and the metrics of a pool with OpenTelemetry. Call it once for a pool, after the
 * SDK is set up. Returns a function that stops it. It adds no work to the calls themselves: it only
 * listens to the events of the pool. Without an SDK it records nothing.
 *
 * The spans are `sandbox.acquire`, `sandbox.run`, `sandbox.lease` and `sandbox.recycle`, whose parent
 * is the active span of the caller, and `sandbox.launch`, which has a trace of its own. The metrics
 * are {@link METRICS}. No span and no metric has code, output, variables, file names, or the id of a
 * session or tenant.
 *
 * @example
 * ```ts
 * import { instrumentPool } from 'hono-sandbox/opentelemetry'
 * import { createTestPool } from 'hono-sandbox/testing'
 *
 * const pool = createTestPool()
 * const stop = instrumentPool(pool)
 * await pool.close()
 * stop()
 * ```
 */
export function instrumentPool(
  pool: SandboxPool,
  { tracerProvider = trace, meterProvider = metrics }: InstrumentPoolOptions = {},
): () => void {
  const spans = new Spans(pool, tracerProvider.getTracer(SCOPE))
  const addSpan = (event: SandboxPoolEvent) => spans.add(event)
  pool.on('event', addSpan)
  const stopMetrics = recordMetrics(pool, meterProvider.getMeter(SCOPE))
  return () => {
    pool.off('event', addSpan)
    stopMetrics()
  }
}

function recordMetrics(pool: SandboxPool, meter: Meter): () => void {
  const instruments = new Map<string, Counter | Histogram>()
  const states = new Map<string, ObservableUpDownCounter>()
  for (const [name, { kind, unit, description }] of Object.entries(METRICS)) {
    if (kind === 'updowncounter') {
      states.set(name, meter.createObservableUpDownCounter(name, { unit, description }))
    } else if (kind === 'counter') {
      instruments.set(name, meter.createCounter(name, { unit, description }))
    } else {
      const advice = { explicitBucketBoundaries: [...BUCKETS] }
      instruments.set(name, meter.createHistogram(name, { unit, description, advice }))
    }
  }
  const record = ({ metric, value, attributes }: Measurement) => {
    const instrument = instruments.get(metric)
    if (instrument && 'add' in instrument) instrument.add(value, attributes)
    else instrument?.record(value, attributes)
  }
  const observe: BatchObservableCallback = (result) => {
    for (const { metric, value, attributes } of readPool(pool)) {
      const state = states.get(metric)
      if (state) result.observe(state, value, attributes)
    }
  }
  const observed = [...states.values()]
  meter.addBatchObservableCallback(observe, observed)
  const stopEvents = observePool(pool, record)
  return () => {
    stopEvents()
    meter.removeBatchObservableCallback(observe, observed)
  }
}
