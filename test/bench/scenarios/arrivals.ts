import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOfWaiting, erlangs, meanWaitMs } from '../../../src/pool/queueing.js'
import type { Bench } from '../bench.js'
import { checked, rowOf, settled, startPool, sustainedRate } from '../bench.js'
import type { Row } from '../rows.js'
import { Samples, single, timed } from '../rows.js'

/** Of what the machine can do at the most: below it waits come from chance, not from a full machine. */
const LOAD = 0.4
const HOLD_MS = 100
/** A wait that is none: a queue pop, and what the timers of a busy process are late. */
const AT_ONCE_MS = 20
const SAMPLE_MS = 10
const CALIBRATION = { size: 4, max: 8, callers: 4, runs: 12 }

/** Callers that come by chance to a small pool: what they wait, beside what `docs/sizing.md` says. */
export async function arrivals(bench: Bench): Promise<Row[]> {
  const { rate, replaceMs } = await calibrate(bench)
  const places = Math.ceil(erlangs({ rate, boundMs: HOLD_MS + replaceMs })) + 2
  const { waits, boundMs } = await comeAndGo(bench, places, rate)
  const late = waits.filter((ms) => ms > AT_ONCE_MS).length / waits.length
  const mean = waits.reduce((sum, ms) => sum + ms, 0) / waits.length
  const line = { rate, boundMs, places }
  const about = { scenario: 'arrivals', at: places } as const
  const row = (what: string, unit: Row['unit'], value: number) =>
    rowOf(bench, 'container', { ...about, what, unit, ...single(value), n: waits.length })
  return [
    row('callers', 'per second', rate),
    row('a launch and a removal, alone', 'ms', replaceMs),
    row(`one caller binds a place, hold of ${HOLD_MS} ms included`, 'ms', boundMs),
    row(`share that waited over ${AT_ONCE_MS} ms`, 'share', late),
    row('the same by the formula', 'share', chanceOfWaiting(line, AT_ONCE_MS)),
    row('mean wait', 'ms', mean),
    row('mean wait by the formula', 'ms', meanWaitMs(line)),
  ]
}

/** How many callers are a moderate load here, and what a launch and a removal take alone. */
async function calibrate(bench: Bench): Promise<{ rate: number; replaceMs: number }> {
  const { language, program, numbers } = bench
  const { size, max, callers, runs } = CALIBRATION
  const pool = await startPool(bench, { size, max }, { maxWaiting: 100 })
  const run = async () => {
    const sandbox = await pool.acquire(language, { timeoutMs: 60_000 })
    const { stdout } = await sandbox.runCode(program)
    sandbox.release()
    return stdout
  }
  try {
    const work = () => checked(bench, { what: 'calibration', run })
    const most = await sustainedRate(work, callers, { first: max, runs })
    await settled(pool, language)
    // One at a time, from a lease to a settled pool: the launch begins with the lease.
    const times = new Samples()
    for (let round = 0; round < numbers.rateRounds; round++) {
      const removed = new Promise((resolve) => {
        pool.once('removed', resolve)
      })
      const launched = new Promise((resolve) => {
        pool.once('launched', resolve)
      })
      const launchMs = timed(() => launched)
      await run()
      const removeMs = await timed(() => removed)
      times.add((await launchMs) + removeMs)
      await settled(pool, language)
    }
    return { rate: most * LOAD, replaceMs: times.spread.p50 }
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

/**
 * Callers with gaps as chance makes them: how long each of them waited, and how long one bound a
 * place. That is Little's law: the places that were bound on average, over the callers a second.
 */
async function comeAndGo(bench: Bench, places: number, rate: number) {
  const { language, program, numbers } = bench
  const pool = await startPool(bench, { size: places, max: places }, { maxWaiting: 1000 })
  const caller = async () => {
    const start = performance.now()
    const sandbox = await pool.acquire(language, { timeoutMs: 60_000 })
    const waited = performance.now() - start
    await sandbox.runCode(program)
    await sleep(HOLD_MS)
    sandbox.release()
    return waited
  }
  const bound: number[] = []
  const sampler = setInterval(() => {
    const { leased = 0, starting = 0, recycling = 0 } = pool.stats()[language] ?? {}
    bound.push(leased + starting + recycling)
  }, SAMPLE_MS)
  const start = performance.now()
  try {
    const callers: Promise<number>[] = []
    while (callers.length < numbers.arrivals) {
      callers.push(caller())
      await sleep((-Math.log(1 - Math.random()) / rate) * 1000)
    }
    const waits = await Promise.all(callers)
    const elapsedMs = performance.now() - start
    const boundOnAverage = bound.reduce((sum, places) => sum + places, 0) / bound.length
    return { waits, boundMs: (boundOnAverage * elapsedMs) / waits.length }
  } finally {
    clearInterval(sampler)
    await pool.close({ deadlineMs: 0 })
  }
}
