import type { Sandbox } from 'hono-sandbox'
import type { Bench, Contender } from '../bench.js'
import { checked, printed, rateOf, sustainedRate, rowOf, settled, startPool } from '../bench.js'
import { bare } from '../contenders/bare.js'
import { createStartRemove } from '../contenders/engine.js'
import type { Row } from '../rows.js'
import { Samples } from '../rows.js'

/** The longest wait of a caller in the queue. */
const DEADLINE_MS = 120_000

/** Measures the runs per second in warm leases, beside bare processes at the same concurrency. */
export async function warmRate(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const count = numbers.warmLeases
  const pool = await startPool(bench, { size: count, max: count })
  const leases = await Promise.all(Array.from({ length: count }, () => pool.acquire(language)))
  const what = `runCode in ${count} warm leases`
  // Each caller has its own lease. A shared lease could get more programs than its limit.
  const inLease = (caller: number) =>
    checked(bench, {
      what,
      run: async () => printed(await leaseAt(leases, caller).runCode(program)),
    })
  try {
    const rows: Row[] = []
    for (const at of numbers.concurrencies) {
      const others = bare(bench)
      const [warm, processes] = [new Samples(), new Samples()]
      for (let round = 0; round < numbers.rateRounds; round++) {
        processes.add(await rateOf(() => checked(bench, others), at, numbers.rateMs))
        warm.add(await rateOf(inLease, at, numbers.rateMs))
      }
      const about = { scenario: 'warm rate', unit: 'per second', at } as const
      rows.push(rowOf(bench, 'host', { ...about, what: others.what, ...processes.spread }))
      rows.push(rowOf(bench, 'container', { ...about, what, ...warm.spread }))
    }
    return rows
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

function leaseAt(leases: readonly Sandbox[], caller: number): Sandbox {
  const lease = leases[caller % leases.length]
  if (!lease) throw new Error('there is no lease')
  return lease
}

/** Measures the requests per second with a new container for each, beside the engine's own rate. */
export async function freshRate(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const pool = await startPool(bench, numbers.freshPool, { maxWaiting: 1000 })
  const freshContainer: Pick<Contender, 'what' | 'run'> = {
    what: 'a new container for each run',
    run: async () => {
      const sandbox = await pool.acquire(language, { timeoutMs: DEADLINE_MS })
      try {
        return printed(await sandbox.runCode(program))
      } finally {
        sandbox.release()
      }
    },
  }
  const engineSides = numbers.engineConcurrencies.map((at) => {
    const what = 'create, start, remove of a sleep'
    return { what, at, work: () => createStartRemove(bench), first: at, rates: new Samples() }
  })
  const poolSides = numbers.concurrencies.map((at) => {
    const work = () => checked(bench, freshContainer)
    return {
      what: freshContainer.what,
      at,
      work,
      first: numbers.freshPool.max,
      rates: new Samples(),
    }
  })
  const sides = [...engineSides, ...poolSides]
  try {
    for (let round = 0; round < numbers.rateRounds; round++) {
      for (const { at, work, first, rates } of sides) {
        await settled(pool, language)
        rates.add(await sustainedRate(work, at, { first, runs: numbers.freshRuns }))
      }
    }
    const about = { scenario: 'fresh rate', unit: 'per second' } as const
    return sides.map(({ what, at, rates }) =>
      rowOf(bench, 'container', { ...about, what, at, ...rates.spread }),
    )
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

/** Measures the waits of many simultaneous callers on a small pool, and counts failed callers. */
export async function burst(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const { callers, size } = numbers.burst
  const pool = await startPool(bench, { size, max: size * 2 })
  const waits = new Samples()
  let served = 0
  const caller = async () => {
    const start = performance.now()
    const sandbox = await pool.acquire(language, { timeoutMs: DEADLINE_MS })
    waits.add(performance.now() - start)
    await checked(bench, {
      what: 'burst',
      run: async () => printed(await sandbox.runCode(program)),
    })
    served++
    sandbox.release()
  }
  try {
    await Promise.all(Array.from({ length: callers }, caller))
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
  const lost = callers - served
  const about = { scenario: 'burst', at: callers } as const
  return [
    rowOf(bench, 'container', {
      ...about,
      what: `wait, pool of ${size}`,
      unit: 'ms',
      ...waits.spread,
    }),
    rowOf(bench, 'container', {
      ...about,
      what: 'callers that were not served',
      unit: 'calls',
      n: callers,
      p50: lost,
      p95: lost,
      p99: lost,
    }),
  ]
}
