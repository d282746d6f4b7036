import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { Kind, PROTOCOL_VERSION } from '../../src/agent/protocol.js'
import { SandboxPool } from '../../src/index.js'
import { FakeAgent } from './fakes/fake-agent.js'
import { fakeEngine } from '../helpers/fake-engine.js'

const MIB = 1024 * 1024

let warn = vi.spyOn(process, 'emitWarning')
beforeEach(() => {
  warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})
afterEach(() => vi.restoreAllMocks())

/** Starts a pool whose warm containers hold this memory. Returns the report and the limits. */
async function startedWith(usedMemory?: () => Promise<number>) {
  const limits: number[] = []
  const engine = fakeEngine({
    launch: ({ memoryBytes }) => {
      limits.push(memoryBytes)
      const agent = new FakeAgent()
      agent.sendJson(Kind.hello, 0, { version: PROTOCOL_VERSION, language: 'python' })
      return Promise.resolve(Object.assign(agent, { usedMemory }))
    },
  })
  const languages = { python: { size: 2, memory: '512m' }, nodejs: { size: 0 } }
  const pool = new SandboxPool({ engine, languages })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return { report: await pool.start(), limits }
}

it('the start measures one warm container of a language', async () => {
  const usedMemory = vi.fn<() => Promise<number>>(async () => 256 * MIB)
  const { report, limits } = await startedWith(usedMemory)
  expect(limits).toEqual([512 * MIB, 512 * MIB])
  const memory = { usedBytes: 256 * MIB, limitBytes: 512 * MIB }
  expect(report.python).toMatchObject({ ready: 2, memory })
  expect(report.nodejs).toMatchObject({ ready: 0, memory: undefined })
  expect(usedMemory).toHaveBeenCalledOnce()
  expect(warn).not.toHaveBeenCalled()
})

it('the start warns once if a warm container leaves less than half of its memory', async () => {
  await startedWith(async () => 257 * MIB)
  expect(warn.mock.calls).toEqual([
    [
      'a warm python sandbox holds 257 of its 512 MiB of memory before any code. ' +
        'Raise memory, or preload less',
      { type: 'SandboxWarning', code: 'SANDBOX_LOW_MEMORY' },
    ],
  ])
})

it.each([
  ['cannot measure', undefined],
  ['fails to measure', () => Promise.reject(new Error('no'))],
])('the report has no memory if the engine %s', async (_, usedMemory) => {
  const { report } = await startedWith(usedMemory)
  expect(report.python).toMatchObject({ ready: 2, memory: undefined })
})
