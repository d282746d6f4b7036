import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const INTERVAL_MS = 2
/** The number of idle samples in a row: a lease waits 10 ms before it prepares its next spare. */
const SAMPLES = 8

/**
 * Waits until only this process runs, so that no work of an earlier contender remains. After
 * `timeoutMs`, a busy machine is measured with its load.
 */
export async function machineIsIdle(timeoutMs: number): Promise<void> {
  const giveUp = performance.now() + timeoutMs
  for (let idle = 0; idle < SAMPLES && performance.now() < giveUp;) {
    await sleep(INTERVAL_MS)
    idle = running() > 1 ? 0 : idle + 1
  }
}

/** Returns the number of runnable tasks, including this one: the start of the fourth field, as in `2/345`. */
function running(): number {
  if (process.platform !== 'linux') return 1 // only Linux reports it
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[3]?.split('/')[0])
}
