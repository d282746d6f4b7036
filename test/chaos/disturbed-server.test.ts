import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { containersOf, ownerOf, runtimes } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'
import { serverOfTest } from './servers.js'

const DAY_MS = 24 * 60 * 60 * 1000
const FROZEN_MS = 30_000
const STALLED_MS = 9000
const quick = { language: 'python', code: 'import time; time.sleep(3); print("in time")' }

// Under all runtimes at once, because most of the time is that in which a server is frozen.
it('a server that is frozen for 30 s, stalled for 9 s, and gets a clock that jumps', async () => {
  await Promise.all(runtimes.map(disturb))
})

async function disturb(runtime: string): Promise<void> {
  const { server, containers, healthy } = await serverOfTest({ runtime, size: 1 })
  const { control, process } = server
  /** Begins a run that ends in time, whatever happens to the server. */
  const begin = async () => {
    const run = server.post('/run', { ...quick, timeoutMs: 8000 })
    await server.untilLeased()
    return async () => {
      const answer = await within('the run is answered', run)
      expect(await answer.json()).toMatchObject({ stdout: 'in time\n', killedBy: null })
    }
  }

  await healthy()
  const frozen = await begin()
  process.child.kill('SIGSTOP')
  await sleep(FROZEN_MS) // real time must pass
  process.child.kill('SIGCONT')
  await frozen()
  await healthy()

  const stalled = await begin()
  await control.stall(STALLED_MS)
  await stalled()
  await healthy()

  for (const ms of [DAY_MS, -2 * DAY_MS]) {
    const running = await begin()
    await control.moveClock(ms)
    await running()
    await healthy()
  }
  expect(await server.end('SIGTERM')).toBe(0)
  expect(await containers()).toEqual([])
}

it.each(runtimes)(
  'a server that is killed with 20 leases leaves no container: %s',
  async (runtime) => {
    const script = fileURLToPath(new URL('../helpers/server.mjs', import.meta.url))
    const server = spawn(process.execPath, [script, runtime, 'settled', '20'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void server.kill('SIGKILL'))
    const lines = createInterface({ input: server.stdout })
    const [name] = await within('the server has its leases', once(lines, 'line'), 90_000)
    const owner = ownerOf(String(name))
    expect((await containersOf(owner)).length).toBeGreaterThanOrEqual(20)
    server.kill('SIGKILL')
    await until(
      'no container is left',
      async () => (await containersOf(owner)).length === 0,
      60_000,
    )
  },
  180_000,
)
