import { createHistogram } from 'node:perf_hooks'

/** One figure: what was measured, where, and how it was spread. */
export interface Row {
  scenario: string
  /** The runtime of the containers; `host` for what runs in none. */
  runtime: string
  /** The runtime in whose turns it was measured: what is of the host is compared within those. */
  beside: string
  language: string
  what: string
  unit: 'ms' | 'per second' | 'MB/s' | 'KB' | 'MB' | 'files' | 'calls' | 'share'
  /** What it is measured against: a concurrency, a size, so many leases. */
  at?: number
  n: number
  p50: number
  p95: number
  p99: number
}

/** A histogram counts whole numbers: thousandths of the unit. */
const STEPS = 1000

/** Figures of one kind. */
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

/** What there is only one of. */
export function single(value: number): Pick<Row, 'n' | 'p50' | 'p95' | 'p99'> {
  return { n: 1, p50: value, p95: value, p99: value }
}

/** How long something takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
