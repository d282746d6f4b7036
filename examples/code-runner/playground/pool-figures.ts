import type { SandboxPool } from 'hono-sandbox'
import type { Figures } from './figures.js'

/** The number of the latest waits that the percentiles are computed from. */
const KEPT_WAITS = 500

/** The counts of the pool of a language since the start of the server. */
interface Counts {
  launched: number
  launchesFailed: number
  waits: number[]
  ends: Record<string, number>
}

/** Counts the events of a pool. */
export class PoolFigures {
  readonly #pool: SandboxPool
  readonly #counts = new Map<string, Counts>()

  constructor(pool: SandboxPool) {
    this.#pool = pool
    pool.on('launched', ({ language }) => this.#of(language).launched++)
    pool.on('launchFailed', ({ language }) => this.#of(language).launchesFailed++)
    pool.on('ended', ({ language, how }) => {
      const { ends } = this.#of(language)
      ends[how] = (ends[how] ?? 0) + 1
    })
    pool.on('acquired', (event) => {
      const { waits } = this.#of(event.language)
      waits.push(event.waitedMs)
      if (waits.length > KEPT_WAITS) waits.shift()
    })
  }

  /** Returns the figures of this moment, by the name of the language. */
  read(): Record<string, Figures> {
    const stats = Object.entries(this.#pool.stats())
    return Object.fromEntries(
      stats.map(
        ([language, { size, max, idle, leased, starting, recycling, waiting, sessions }]) => {
          const { waits, launched, launchesFailed, ends } = this.#of(language)
          const state = { size, max, idle, leased, starting, recycling, waiting, sessions }
          const sorted = [...waits].sort((a, b) => a - b)
          const [waitP50Ms, waitP95Ms] = [percentile(sorted, 50), percentile(sorted, 95)]
          return [language, { ...state, launched, launchesFailed, waitP50Ms, waitP95Ms, ends }]
        },
      ),
    )
  }

  #of(language: string): Counts {
    const known = this.#counts.get(language)
    if (known) return known
    const counts: Counts = { launched: 0, launchesFailed: 0, waits: [], ends: {} }
    this.#counts.set(language, counts)
    return counts
  }
}

function percentile(sorted: readonly number[], percent: number): number | null {
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? null
}
