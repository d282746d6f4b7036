import { setTimeout as sleep } from 'node:timers/promises'
import { chanceOfWaiting, erlangs, meanWaitMs } from '../../../src/pool/queueing.js'
import type { Bench } from '../bench.js'
import { checked, rowOf, settled, startPool, sustainedRate } from '../bench.js'
import type { Row } from '../rows.js'
import { Samples, single, timed } from '../rows.js'

/** The share of the highest rate. At this load, waits come from random arrivals, not from a busy machine. */
const LOAD = 0.4
const HOLD_MS = 100
/**
 * A shorter wait counts as no wait: it is a step of the queue, or a late timer of a busy process.
 */
const NO_WAIT_MS = 20
const SAMPLE_MS = 10

/** Measures the waits of random callers on a small pool, beside the formula of `docs/sizing.md`. */
export async function arrivals(bench: Bench): Promise<Row[]> {
  const { rate, replaceMs } = await calibrate(bench)
  const containers = Math.ceil(erlangs({ rate, boundMs: HOLD_MS + replaceMs })) + 2
  const { waits, boundMs } = await measureWaits(bench, containers, rate)
  const late = waits.filter((ms) => ms > NO_WAIT_MS).length / waits.length
  const mean = waits.reduce((sum, ms) => sum + ms, 0) / waits.length
  const line = { rate, boundMs, places: containers }
  const about = { scenario: 'arrivals', at: containers } as const
  const row = (what: string, unit: Row['unit'], value: number) =>
    rowOf(bench, 'container', { ...about, what, unit, ...single(value), n: waits.length })
  return [
    row('callers', 'per second', rate),
    row('a launch and a removal, without load', 'ms', replaceMs),
    row(`one caller binds a container, with its hold of ${HOLD_MS} ms`, 'ms', boundMs),
    row(`share that waited over ${NO_WAIT_MS} ms`, 'share', late),
    row('the same by the formula', 'share', chanceOfWaiting(line, NO_WAIT_MS)),
    row('mean wait', 'ms', mean),
    row('mean wait by the formula', 'ms', meanWaitMs(line)),
  ]
}

/** Measures the rate of a moderate load, and the time of a launch and a removal without load. */
async function calibrate(bench: Bench): Promise<{ rate: number; replaceMs: number }> {
  const { language, program, numbers } = bench
  const { size, max, callers, runs } = numbers.calibration
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
    // One lease at a time. The launch of the next container begins with the lease.
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
 * Runs callers with random gaps. Measures the wait of each caller, and the time for which a caller binds
 * a container by Little's law: the average number of bound containers, over the callers per second.
 */
async function measureWaits(bench: Bench, containers: number, rate: number) {
  const { language, program, numbers } = bench
  const pool = await startPool(bench, { size: containers, max: containers }, { maxWaiting: 1000 })
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
    const boundOnAverage = bound.reduce((sum, containers) => sum + containers, 0) / bound.length
    return { waits, boundMs: (boundOnAverage * elapsedMs) / waits.length }
  } finally {
    clearInterval(sampler)
    await pool.close({ deadlineMs: 0 })
  }
}
