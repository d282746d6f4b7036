import type { SandboxPoolEvent } from '../pool-events.js'
import type { SandboxPool } from '../sandbox-pool.js'

/** The description of a metric. */
export interface Metric {
  /**
   * The kind of the instrument, by its name in OpenTelemetry. The value of an `updowncounter` is a
   * state of the pool, which `readPool()` reads; the others are recorded by `observePool()`.
   */
  kind: 'updowncounter' | 'counter' | 'histogram'
  /** The unit in UCUM: `s` for seconds, or the name of what is counted, in braces. */
  unit: string
  description: string
  /** The names of the attributes that a measurement can have. Each has few different values. */
  attributes: readonly Attribute[]
}

/**
 * The attributes of all measurements:
 * - `sandbox.language`: the name of the language in the pool
 * - `sandbox.container.state`: `idle`, `leased`, `starting` or `recycling`
 * - `sandbox.lease.end`: the reason for the end of a lease, a `LeaseEnd`
 * - `sandbox.call`: the call that started a program
 * - `sandbox.killed_by`: the reason that a program was killed; absent if it ended by itself
 * - `error.type`: the code of the error; absent if there is none
 */
export type Attribute =
  | 'sandbox.language'
  | 'sandbox.container.state'
  | 'sandbox.lease.end'
  | 'sandbox.call'
  | 'sandbox.killed_by'
  | 'error.type'

/**
 * The metrics of a pool, by name. The names are those of `db.client.connection.*` in the semantic
 * conventions of OpenTelemetry, with containers in place of connections.
 *
 * @example
 * ```ts
 * import { METRICS } from 'hono-sandbox/metrics'
 *
 * console.log(METRICS['sandbox.client.container.wait_time'].unit)
 * ```
 */
export const METRICS = {
  'sandbox.client.container.count': {
    kind: 'updowncounter',
    unit: '{container}',
    description: 'The containers in each state.',
    attributes: ['sandbox.language', 'sandbox.container.state'],
  },
  'sandbox.client.container.idle.min': {
    kind: 'updowncounter',
    unit: '{container}',
    description: 'The number of containers that the pool keeps warm.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.container.max': {
    kind: 'updowncounter',
    unit: '{container}',
    description: 'The greatest number of containers at the same time.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.container.pending_requests': {
    kind: 'updowncounter',
    unit: '{request}',
    description: 'The callers in the queue.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.session.count': {
    kind: 'updowncounter',
    unit: '{session}',
    description: 'The sessions, including those that wait for a container.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.container.create_time': {
    kind: 'histogram',
    unit: 's',
    description: 'The duration of a launch, until the container is warm or the launch has failed.',
    attributes: ['sandbox.language', 'error.type'],
  },
  'sandbox.client.container.wait_time': {
    kind: 'histogram',
    unit: 's',
    description: 'The wait of a caller until it gets a container or is refused.',
    attributes: ['sandbox.language', 'error.type'],
  },
  'sandbox.client.container.use_time': {
    kind: 'histogram',
    unit: 's',
    description: 'The duration of a lease.',
    attributes: ['sandbox.language', 'sandbox.lease.end'],
  },
  'sandbox.client.container.remove_time': {
    kind: 'histogram',
    unit: 's',
    description: 'The duration of a removal.',
    attributes: ['sandbox.language', 'error.type'],
  },
  'sandbox.client.container.timeouts': {
    kind: 'counter',
    unit: '{timeout}',
    description: 'The callers that got no container within their time limit.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.container.crashes': {
    kind: 'counter',
    unit: '{container}',
    description: 'The containers that exited unexpectedly, idle or leased.',
    attributes: ['sandbox.language'],
  },
  'sandbox.client.run.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'The duration of a program, from the call to the end.',
    attributes: ['sandbox.language', 'sandbox.call', 'sandbox.killed_by'],
  },
} as const satisfies Record<string, Metric>

/** The name of a metric in {@link METRICS}. */
export type MetricName = keyof typeof METRICS

/**
 * The upper bounds of the buckets of all histograms, in seconds: from the wait for an idle container
 * to a long run.
 *
 * @example
 * ```ts
 * import { BUCKETS } from 'hono-sandbox/metrics'
 *
 * console.log(`${BUCKETS[0]} s to ${BUCKETS.at(-1)} s`)
 * ```
 */
export const BUCKETS: readonly number[] = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/** One value of a metric. */
export interface Measurement {
  metric: MetricName
  /** The value in the unit of the metric. */
  value: number
  attributes: Readonly<Partial<Record<Attribute, string>>>
}

/**
 * Passes each event of a pool to `record`, as measurements of the counters and the histograms. Returns
 * a function that stops it. It is meant for a library of metrics other than OpenTelemetry's; for
 * that, `instrumentPool()` of `hono-sandbox/opentelemetry` exists. `record` must not throw: its
 * errors are uncaught exceptions of the process.
 *
 * @example
 * ```ts
 * import { observePool } from 'hono-sandbox/metrics'
 * import { createTestPool } from 'hono-sandbox/testing'
 *
 * const pool = createTestPool()
 * const stop = observePool(pool, ({ metric, value }) => console.log(metric, value))
 * const sandbox = await pool.acquire('python')
 * sandbox.release()
 * await pool.close()
 * stop()
 * ```
 */
export function observePool(
  pool: SandboxPool,
  record: (measurement: Measurement) => void,
): () => void {
  const onEvent = (event: SandboxPoolEvent) => {
    for (const measurement of measurementsOf(event)) record(measurement)
  }
  pool.on('event', onEvent)
  return () => void pool.off('event', onEvent)
}

/**
 * Returns the current state of a pool: a measurement for each `updowncounter`, language and state.
 *
 * @example
 * ```ts
 * import { readPool } from 'hono-sandbox/metrics'
 * import { createTestPool } from 'hono-sandbox/testing'
 *
 * console.log(readPool(createTestPool()).length)
 * ```
 */
export function readPool(pool: SandboxPool): Measurement[] {
  return Object.entries(pool.stats()).flatMap(([language, stats]) => {
    const of = (metric: MetricName, value: number, state?: string): Measurement => ({
      metric,
      value,
      attributes: {
        'sandbox.language': language,
        ...(state !== undefined && { 'sandbox.container.state': state }),
      },
    })
    return STATES.map((state) => of('sandbox.client.container.count', stats[state], state)).concat(
      of('sandbox.client.container.idle.min', stats.size),
      of('sandbox.client.container.max', stats.max),
      of('sandbox.client.container.pending_requests', stats.waiting),
      of('sandbox.client.session.count', stats.sessions),
    )
  })
}

const STATES = ['idle', 'leased', 'starting', 'recycling'] as const

function measurementsOf(event: SandboxPoolEvent): Measurement[] {
  const language = { 'sandbox.language': event.language }
  const failure = 'error' in event ? { 'error.type': event.error.code } : {}
  const attributes = { ...language, ...failure }
  switch (event.type) {
    case 'launched':
    case 'launchFailed':
      return [seconds('sandbox.client.container.create_time', event.tookMs, attributes)]
    case 'acquired':
    case 'refused': {
      const wait = seconds('sandbox.client.container.wait_time', event.waitedMs, attributes)
      if (failure['error.type'] !== 'SANDBOX_ACQUIRE_TIMEOUT') return [wait]
      return [wait, { metric: 'sandbox.client.container.timeouts', value: 1, attributes: language }]
    }
    case 'ended': {
      const end = { ...language, 'sandbox.lease.end': event.how }
      return [seconds('sandbox.client.container.use_time', event.heldMs, end)]
    }
    case 'removed':
    case 'removeFailed':
      return [seconds('sandbox.client.container.remove_time', event.tookMs, attributes)]
    case 'crashed':
      return [{ metric: 'sandbox.client.container.crashes', value: 1, attributes: language }]
    case 'programEnded': {
      const { call, killedBy, durationMs } = event
      const program = {
        ...language,
        'sandbox.call': call,
        ...(killedBy && { 'sandbox.killed_by': killedBy }),
      }
      return [seconds('sandbox.client.run.duration', durationMs, program)]
    }
  }
}

function seconds(
  metric: MetricName,
  ms: number,
  attributes: Measurement['attributes'],
): Measurement {
  return { metric, value: ms / 1000, attributes }
}
