import type { Row } from './rows.js'

/** A target of the library: a ratio of two figures of one run, or one figure. */
export interface Target {
  what: string
  value: number
  bound: { atMost: number } | { atLeast: number }
}

type Wanted = Partial<Pick<Row, 'scenario' | 'runtime' | 'beside' | 'language' | 'what' | 'at'>>

/** Returns the targets whose figures were measured. */
export function targetsOf(rows: readonly Row[]): Target[] {
  const find = (wanted: Wanted) => rows.filter((row) => matches(row, wanted))
  const best = (wanted: Wanted) => Math.max(...find(wanted).map(({ p50 }) => p50))
  const places = new Set(rows.map(({ runtime, language }) => `${runtime} ${language}`))
  const targets: Target[] = []
  for (const place of places) {
    const [runtime = '', language = ''] = place.split(' ')
    if (runtime === 'host') continue
    const here = { runtime, language }
    const floor = { runtime: 'host', beside: runtime, language, what: 'bare process on the host' }
    const add = (what: string, value: number, bound: Target['bound']) => {
      if (Number.isFinite(value))
        targets.push({ what: `${language}, ${runtime}: ${what}`, value, bound })
    }
    const isGvisor = runtime === 'runsc'
    add(
      'a run in a warm lease, over a bare process',
      best({ ...here, scenario: 'warm run', what: 'runCode in a warm lease' }) /
        best({ ...floor, scenario: 'warm run' }),
      { atMost: isGvisor ? 0.6 : 0.25 },
    )
    if (!isGvisor) {
      add(
        'a request over HTTP, lease included, over a bare process',
        best({ ...here, scenario: 'whole request', what: 'over HTTP, lease included' }) /
          best({ ...floor, scenario: 'whole request' }),
        { atMost: 0.4 },
      )
      add(
        'runs a second in 4 warm leases, over bare processes, 4 at once',
        best({ ...here, scenario: 'warm rate', at: 4 }) /
          best({ ...floor, scenario: 'warm rate', at: 4 }),
        { atLeast: 4 },
      )
    }
    add(
      'a new container for each run, over the engine’s own rate',
      best({ ...here, scenario: 'fresh rate', what: 'a new container for each run' }) /
        best({ ...here, scenario: 'fresh rate', what: 'create, start, remove of a sleep' }),
      { atLeast: 0.85 },
    )
    add(
      'import pandas and a group-by with preload, over a bare process',
      best({ ...here, scenario: 'import pandas', what: 'runCode with preload' }) /
        best({ ...here, scenario: 'import pandas', what: 'bare python3 in the image' }),
      { atMost: 0.05 },
    )
    add('acquire, ms', best({ ...here, scenario: 'acquire', what: 'acquire' }), { atMost: 0.1 })
    const idle = 'memory of an idle container'
    add('an idle container in the server, KB', best({ ...here, what: idle }), { atMost: 100 })
  }
  return targets
}

export function isMet({ value, bound }: Target): boolean {
  return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast
}

function matches(row: Row, wanted: Wanted): boolean {
  return (
    (wanted.scenario ?? row.scenario) === row.scenario &&
    (wanted.runtime ?? row.runtime) === row.runtime &&
    (wanted.beside ?? row.beside) === row.beside &&
    (wanted.language ?? row.language) === row.language &&
    (wanted.what ?? row.what) === row.what &&
    (wanted.at ?? row.at) === row.at
  )
}
