import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { runtimes } from '../helpers/engine.js'
import { within } from '../helpers/until.js'

const script = fileURLToPath(new URL('../helpers/frozen.mjs', import.meta.url))
/** Longer than the time limits of all calls. */
const FROZEN_MS = 4000

it.each(runtimes)(
  'a frozen server gets the results of its runs afterwards, under %s',
  async (runtime) => {
    const server = spawn(process.execPath, [script, runtime], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void server.kill('SIGKILL'))
    const lines: string[] = []
    const reader = createInterface({ input: server.stdout }).on('line', (line) => lines.push(line))
    await within('the runs have started', once(reader, 'line'))
    server.kill('SIGSTOP')
    // The test needs real time to pass while the server is frozen.
    await sleep(FROZEN_MS)
    server.kill('SIGCONT')
    await within('the server exits', once(server, 'exit'))
    const success = { exitCode: 0 }
    expect(lines.slice(1).map((line) => JSON.parse(line))).toEqual([
      [success, success, success, 'directory'],
      42,
    ])
  },
)
