import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SandboxError } from '../../../src/errors.js'
import type { Sandbox } from '../../../src/sandbox/sandbox.js'
import { chunksOf, ChunkSizes, mutate, Mutations } from '../../helpers/mutations.js'
import { flushStreams, leaseSandbox, unhandledRejectionsIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'
import { CORPUS } from './corpus.js'
import { Sessions } from './sessions-of-agents.js'

useFakeTime()

/** The calls whose requests have the ids 1 to 6. */
const CALLS: readonly ((sandbox: Sandbox) => Promise<unknown>)[] = [
  (sandbox) => sandbox.runCode('1').then((result) => result),
  (sandbox) => sandbox.exec('x').then((result) => result),
  (sandbox) => sandbox.readFile('f'),
  (sandbox) => sandbox.listFiles(),
  (sandbox) => sandbox.stat('f'),
  (sandbox) => sandbox.writeFile('f', 'abc'),
]

/** Makes the calls, sends the chunks as the agent, and returns how each call ended. */
async function endsOf(chunks: readonly Buffer[]) {
  const { agent, sandbox } = await leaseSandbox()
  const calls: Promise<unknown>[] = []
  for (const call of CALLS) {
    calls.push(call(sandbox).catch((error: unknown) => typed(error)))
    await flushStreams()
  }
  expect(agent.requests).toHaveLength(CALLS.length)
  for (const chunk of chunks) {
    agent.stdout.write(chunk)
    await flushStreams()
  }
  agent.exit()
  await flushStreams()
  const ends = await Promise.all(calls.map(outcomeOf))
  sandbox.release()
  return { kills: agent.kills, ends }
}

/** Returns the code of an error of the library. Any other error is a fault of the host. */
function typed(error: unknown): string {
  if (error instanceof SandboxError) return `${error.code}: ${error.message}`
  throw error
}

/** Expects that each call ends, and that the chunks do not change how. */
async function check(bytes: Buffer, sizes: readonly number[]): Promise<void> {
  const unhandled = await unhandledRejectionsIn(async () => {
    const whole = await endsOf(bytes.length > 0 ? [bytes] : [])
    expect(whole.ends).not.toContain('pending')
    expect(whole.kills).toBeLessThanOrEqual(1)
    expect(await endsOf(chunksOf(bytes, sizes))).toEqual(whole)
  })
  expect(unhandled).toEqual([])
}

describe('the bytes of an agent', () => {
  it('make no call fail if they are valid', async () => {
    await fc.assert(
      fc.asyncProperty(Sessions.valid, ChunkSizes, async (bytes, sizes) => {
        const { kills, ends } = await endsOf(chunksOf(bytes, sizes))
        expect(kills).toBe(0)
        expect(ends.filter((end) => typeof end === 'string')).toEqual([])
      }),
      cases(100),
    )
  })

  it('end each call with a result or a typed error, however they are cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(Sessions.broken, Mutations, ChunkSizes, async (bytes, mutations, sizes) => {
        await check(mutate(bytes, mutations), sizes)
      }),
      cases(200),
    )
  }, 60_000)

  it.each(CORPUS)('end each call: %s', async (_, bytes) => {
    await check(bytes, [1])
    await check(bytes, [9, 1, 30])
  })
})
