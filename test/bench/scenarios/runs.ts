import type { Bench } from '../bench.js'
import { interleave, rowOf, settled, startPool } from '../bench.js'
import { bare } from '../contenders/bare.js'
import { dockerRun, engineExec } from '../contenders/engine.js'
import { overHttp } from '../contenders/http.js'
import { agentOnHost, freshLease, warmLease } from '../contenders/leases.js'
import { dockerCommands } from '../contenders/docker-commands.js'
import type { Row } from '../rows.js'
import { Samples, timed } from '../rows.js'

/** Measures runs in one warm lease, beside a bare process. */
export async function warmRun(bench: Bench): Promise<Row[]> {
  const contenders = [bare(bench), await warmLease(bench), await agentOnHost(bench)]
  return interleave(bench, 'warm run', contenders, bench.numbers.quickRounds)
}

/** Measures runs with a new container for each, then the alternatives, both beside a bare process. */
export async function wholeRequest(bench: Bench): Promise<Row[]> {
  const rounds = bench.numbers.slowRounds
  const own = [bare(bench), await freshLease(bench), await overHttp(bench)]
  const rows = await interleave(bench, 'whole request', own, rounds * 2)
  // Measured separately, because these contenders start large programs and empty the caches.
  const others = [
    bare(bench),
    await engineExec(bench),
    dockerRun(bench),
    await dockerCommands(bench),
  ]
  return rows.concat(await interleave(bench, 'other ways', others, rounds))
}

/** Measures the time of acquire, and the time from acquire to the first byte of output. */
export async function acquire(bench: Bench): Promise<Row[]> {
  const { language, program, numbers } = bench
  const pool = await startPool(bench, { size: 2, max: 4 })
  try {
    const acquired = new Samples()
    for (let round = 0; round < numbers.quickRounds * 10; round++) {
      const start = performance.now()
      const sandbox = await pool.acquire(language)
      acquired.add(performance.now() - start)
      sandbox.release()
    }
    const first = new Samples()
    for (let round = 0; round < numbers.slowRounds; round++) {
      await settled(pool, language)
      const firstByte = async () => {
        const sandbox = await pool.acquire(language)
        for await (const { type } of sandbox.runCode(program)) if (type === 'stdout') return sandbox
        throw new Error('the program has printed nothing')
      }
      const start = performance.now()
      const sandbox = await firstByte()
      first.add(performance.now() - start)
      sandbox.release()
    }
    const row = (what: string, { spread }: Samples) =>
      rowOf(bench, 'container', { scenario: 'acquire', what, unit: 'ms', ...spread })
    return [row('acquire', acquired), row('acquire to the first byte of output', first)]
  } finally {
    await pool.close({ deadlineMs: 0 })
  }
}

/** Measures the time until a new pool is full. */
export async function fill(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of bench.numbers.poolSizes) {
    const times = new Samples()
    for (let round = 0; round < (size > 10 ? 1 : bench.numbers.rateRounds); round++) {
      let close = async () => {}
      const ms = await timed(async () => {
        const pool = await startPool(bench, { size, max: size })
        close = () => pool.close({ deadlineMs: 0 })
      })
      await close()
      times.add(ms)
    }
    const what = 'start() until all containers are warm'
    const rest = { scenario: 'fill', what, unit: 'ms', at: size, ...times.spread } as const
    rows.push(rowOf(bench, 'container', rest))
  }
  return rows
}
