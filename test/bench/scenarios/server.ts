import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Bench } from '../bench.js'
import { rowOf, settled, startPool } from '../bench.js'
import type { Row } from '../rows.js'
import { Samples, single } from '../rows.js'

/** The number of parts of the leases whose figures are compared. */
const PARTS = 5
/** One lease in this many runs a program, so that its container is replaced. */
const RUN_EVERY = 20

/** Measures the memory and CPU time of the server for idle containers, and for leases after a run. */
export async function server(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const containers = numbers.idleContainers
  const pool = await startPool(bench, { size: 1, max: 1 })
  const before = await memoryNow()
  // The pool cannot launch more containers, so the later figures are those of the leases only.
  pool.resize(language, 1 + containers, 1 + containers)
  try {
    await settled(pool, language)
    const filled = await memoryNow()
    const cpu = process.cpuUsage()
    await sleep(numbers.idleMs)
    const { user, system } = process.cpuUsage(cpu)
    const leases = await Promise.all(
      Array.from({ length: containers }, () => pool.acquire(language)),
    )
    await Promise.all(leases.map((sandbox) => sandbox.runCode(program)))
    const held = await memoryNow()
    for (const sandbox of leases) sandbox.release()
    const cpuShare = (user + system) / 1000 / numbers.idleMs / (containers + 1)
    const row = (what: string, unit: Row['unit'], value: number) =>
      rowOf(bench, 'container', { scenario: 'server', what, unit, ...single(value) })
    return [
      row('memory of an idle container', 'KB', (filled - before) / containers / 1024),
      row('memory of a lease after a run', 'KB', (held - before) / containers / 1024),
      row('share of a processor an idle container', 'share', cpuShare),
    ]
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

/** Measures memory, open files and speed over thousands of leases. */
export async function soak(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const pool = await startPool(bench, numbers.soakPool)
  const rows: Row[] = []
  const part = Math.floor(numbers.leases / PARTS)
  try {
    for (let done = 1; done <= PARTS; done++) {
      const times = new Samples()
      for (let lease = 0; lease < part; lease++) {
        const start = performance.now()
        const sandbox = await pool.acquire(language, { timeoutMs: 60_000 })
        if (lease % RUN_EVERY === 0) await sandbox.runCode(program)
        times.add(performance.now() - start)
        sandbox.release()
      }
      await settled(pool, language)
      const about = { scenario: 'soak', at: done * part }
      const add = (what: string, unit: Row['unit'], spread: ReturnType<typeof single>) =>
        rows.push(rowOf(bench, 'container', { ...about, what, unit, ...spread }))
      add('lease, one in twenty with a run', 'ms', times.spread)
      add('memory of the server', 'MB', single((await memoryNow()) / 1024 / 1024))
      add('open files of the server', 'files', single(descriptors()))
    }
    return rows
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

/** Returns the memory in use after a garbage collection, with memory outside the heap, in bytes. */
async function memoryNow(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new TypeError('there is no gc()')
  for (let round = 0; round < 3; round++) {
    collect()
    await sleep(50) // finalizers run in later turns
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}
