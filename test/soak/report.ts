import type { Measured } from '../helpers/server-control.js'

const MIB = 1024 ** 2

export interface Sample extends Measured {
  /** The median of the durations of requests, in milliseconds. */
  median: number
}

/**
 * What a server may use more after the soak than before it. V8 keeps pages that it has freed, and Node
 * keeps buffers, so the resident memory is not exact; the heap after a garbage collection nearly is. A
 * leak of a lease is many times as large: 2,000 leases that keep 10 KiB each are 20 MiB. A lost part of the
 * pool makes most callers wait. The longest durations tell nothing: on a busy machine they differ between
 * equal servers.
 */
const ALLOWED: Readonly<Record<keyof Sample, (before: number) => number>> = {
  rss: (before) => before + 64 * MIB,
  heapUsed: (before) => before + 8 * MIB,
  descriptors: (before) => before + 8,
  median: (before) => before * 2 + 200,
}
const inMiB = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`
const FORMAT: Readonly<Record<keyof Sample, (value: number) => string>> = {
  rss: inMiB,
  heapUsed: inMiB,
  descriptors: String,
  median: (ms) => `${ms.toFixed(0)} ms`,
}
const MEASURES = ['rss', 'heapUsed', 'descriptors', 'median'] as const

/** Returns a phrase for each measure that is more than allowed. */
export function growthOf(before: Sample, after: Sample): string[] {
  return MEASURES.filter((name) => after[name] > ALLOWED[name](before[name])).map(
    (name) =>
      `${name} is ${FORMAT[name](after[name])}, expected about ${FORMAT[name](before[name])}`,
  )
}

/** Returns the median of the durations. */
export function medianOf(durations: readonly number[]): number {
  const sorted = durations.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? 0
}

/** What a soak has done and seen. */
export class Report {
  /** How often each violation was seen. */
  readonly violations = new Map<string, number>()
  readonly samples: Record<string, Sample> = {}
  readonly #faults = new Map<string, number>()
  readonly #outcomes = new Map<string, Map<string, number>>()

  violation({ message }: Error): void {
    if (!this.violations.has(message)) this.say(`VIOLATION: ${message}`)
    add(this.violations, message, 1)
  }

  /** Prints a line with the time since the start. */
  say(line: string): void {
    console.log(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}`)
  }

  fault(name: string): void {
    add(this.#faults, name, 1)
  }

  /** Adds the outcomes of requests to a server. */
  count(server: string, counts: Readonly<Record<string, number>>): void {
    const all = this.#outcomes.get(server) ?? new Map<string, number>()
    this.#outcomes.set(server, all)
    for (const [outcome, count] of Object.entries(counts)) add(all, outcome, count)
  }

  text(): string {
    const samples = Object.entries(this.samples).map(([when, sample]) => {
      const measures = MEASURES.map((name) => `${name} ${FORMAT[name](sample[name])}`)
      return `${when}: ${measures.join(', ')}`
    })
    return [
      `faults: ${listOf(this.#faults)}`,
      ...Array.from(this.#outcomes, ([server, counts]) => {
        return `${server}: ${listOf(counts)}`
      }),
      ...samples,
      `violations: ${listOf(this.violations) || 'none'}`,
    ].join('\n')
  }
}

function add(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more)
}

function listOf(counts: Iterable<[string, number]>): string {
  return Array.from(counts, ([name, count]) => `${count} ${name}`).join(', ')
}
