import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 2
/** In a row: a lease lets 10 ms pass before it makes its next process ready. */
const LOOKS = 8
/** A machine that has other things to do is measured as it is. */
const DEADLINE_MS = 3000

/** Waits until nothing runs but us: what one contender left undone is over by then. */
export async function machineIsIdle(): Promise<void> {
  const giveUp = performance.now() + DEADLINE_MS
  for (let idle = 0; idle < LOOKS && performance.now() < giveUp;) {
    await sleep(LOOK_MS)
    idle = running() > 1 ? 0 : idle + 1
  }
}

/** How many are running or could, ourselves among them: the fourth field, as in `2/345`. */
function running(): number {
  if (process.platform !== 'linux') return 1 // nobody says
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[3]?.split('/')[0])
}
