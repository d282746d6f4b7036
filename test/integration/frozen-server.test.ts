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

it.each(runtimes)('a server that was frozen finds its runs as they ended, %s', async (runtime) => {
  const server = spawn(process.execPath, [script, runtime], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void server.kill('SIGKILL'))
  const lines: string[] = []
  const reader = createInterface({ input: server.stdout }).on('line', (line) => lines.push(line))
  await within('its runs are under way', once(reader, 'line'))
  server.kill('SIGSTOP')
  // What is tested is that time passes meanwhile.
  await sleep(FROZEN_MS)
  server.kill('SIGCONT')
  await within('it is over', once(server, 'exit'))
  const well = { exitCode: 0 }
  expect(lines.slice(1).map((line) => JSON.parse(line))).toEqual([
    [well, well, well, 'directory'],
    42,
  ])
})
