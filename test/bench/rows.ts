import { createHistogram } from 'node:perf_hooks'

/** One figure: the measurement, its place and its distribution. */
export interface Row {
  scenario: string
  /** The runtime of the container; `host` if the measurement uses none. */
  runtime: string
  /** The runtime of the rounds. Figures of the host are compared only with figures of the same rounds. */
  beside: string
  language: string
  what: string
  unit: 'ms' | 'per second' | 'MB/s' | 'KB' | 'MB' | 'files' | 'calls' | 'share'
  /** The varied parameter: a concurrency, a pool size or a number of leases. */
  at?: number
  n: number
  p50: number
  p95: number
  p99: number
}

/** A histogram counts integers, so values are recorded in thousandths of the unit. */
const STEPS = 1000

/** The values of one measurement. */
export class Samples {
  readonly #histogram = createHistogram({ figures: 3 })

  add(value: number): void {
    this.#histogram.record(Math.max(1, Math.round(value * STEPS)))
  }

  get spread(): Pick<Row, 'n' | 'p50' | 'p95' | 'p99'> {
    const at = (percentile: number) => this.#histogram.percentile(percentile) / STEPS
    return { n: this.#histogram.count, p50: at(50), p95: at(95), p99: at(99) }
  }
}

/** Returns the distribution of a single value. */
export function single(value: number): Pick<Row, 'n' | 'p50' | 'p95' | 'p99'> {
  return { n: 1, p50: value, p95: value, p99: value }
}

/** Returns the duration of some work, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
