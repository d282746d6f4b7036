import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { lastHoldIn, MAX_HOLD } from '../helpers/held-loop.js'

const LEASES = 50
/** The memory that all attacks together may make the server hold. */
const MAX_MIB = 200
const Report = v.object({
  /** How the calls ended, by attacks within the protocol and beyond it. */
  ends: v.object({ within: v.array(v.string()), beyond: v.array(v.string()) }),
  answers: v.object({ right: v.number(), wrong: v.number() }),
  peakMiB: v.number(),
})

/** Runs a server with hostile leases. Returns its report, and how long it held its event loop. */
async function attackedServer() {
  const file = (name: string) => fileURLToPath(new URL(`../helpers/${name}`, import.meta.url))
  const flags = [`--import=${file('loop-hold.mjs')}`, '--expose-gc']
  const command = [...flags, file('hostile-leases.mjs'), String(LEASES)]
  const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: 110_000 })
  const report = v.parse(
    Report,
    JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')) ?? ''),
  )
  return { ...report, longest: lastHoldIn(stdout) }
}

it('agents that attack the server end their own leases, at a bounded cost', async () => {
  const { ends, answers, longest, peakMiB } = await attackedServer()
  expect([...ends.within, ...ends.beyond]).toHaveLength(LEASES)
  for (const end of ends.within)
    expect(end).toMatch(/: (?:crash|timeout|output|SANDBOX_FILE_FAILED|SANDBOX_LEASE_ENDED)$/)
  for (const end of ends.beyond) expect(end).toMatch(/: (?:crash|SANDBOX_LEASE_ENDED)$/)
  expect(answers.right).toBeGreaterThan(0)
  expect(answers.wrong).toBe(0)
  expect(longest).toBeLessThan(MAX_HOLD)
  expect(peakMiB).toBeLessThan(MAX_MIB)
}, 120_000)
