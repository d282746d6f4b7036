import { Hono } from 'hono'
import { mcp } from 'hono-sandbox/mcp'
import type { TestPool } from 'hono-sandbox/testing'
import { results } from 'hono-sandbox/testing'
import { describe, expect, it, vi } from 'vitest'
import { connect, REVISIONS, serveMcp, startSession, textOf } from '../../helpers/mcp.js'
import { within } from '../../helpers/until.js'
import { poolOfTest } from '../fakes/test-pool.js'

const urlOf = async (pool: TestPool) => serveMcp(new Hono().route('/mcp', mcp({ pool })))

/** The reasons for the ends of programs, as the pool reports them. */
function endsOf(pool: TestPool): (string | undefined)[] {
  const ends: (string | undefined)[] = []
  pool.on('programEnded', ({ killedBy }) => ends.push(killedBy))
  return ends
}

describe.each(REVISIONS)('a program that runs, with a client of the revision %s', (revision) => {
  it('sends its output as progress', async () => {
    const pool = poolOfTest()
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    pool.onCode('train()', async function* () {
      yield results.stdout('epoch 1\n')
      yield results.stderr('a warning\n')
      await finished
      yield results.stdout('done\n')
    })
    const client = await connect(await urlOf(pool), { revision })
    const seen: { progress: number; message?: string | undefined }[] = []
    const call = client.callTool(
      { name: 'run_code', arguments: { code: 'train()', language: 'python' } },
      {
        onprogress: (progress) => {
          seen.push(progress)
          finish()
        },
      },
    )
    const { structuredContent } = await within('the program ends', call)
    expect(structuredContent).toMatchObject({ stdout: 'epoch 1\ndone\n' })
    expect(seen[0]?.message).toContain('epoch 1\n')
    expect(seen[0]?.progress).toBeGreaterThan(0)
  })

  it('ends if the client cancels the call, and the session stays', async () => {
    const pool = poolOfTest()
    pool.onCode('forever', results.running())
    pool.onCode('1', results.text('1'))
    const ends = endsOf(pool)
    const client = await connect(await urlOf(pool), { revision })
    const session = await startSession(client)
    const abort = new AbortController()
    const begun = pool.nextRun()
    const call = client.callTool(
      { name: 'run_code', arguments: { code: 'forever', language: 'python', session } },
      { signal: abort.signal },
    )
    await begun
    abort.abort()
    await expect(call).rejects.toThrow()
    await vi.waitFor(() => expect(ends).toEqual(['abort']), 5000)
    const next = await client.callTool({
      name: 'run_code',
      arguments: { code: '1', language: 'python', session },
    })
    expect(next.structuredContent).toMatchObject({ text: '1' })
  })

  it('that loses the variables of its session says so', async () => {
    const pool = poolOfTest()
    pool.onCode('crash', results.killed('oom'))
    const client = await connect(await urlOf(pool), { revision })
    const session = await startSession(client)
    const result = await client.callTool({
      name: 'run_code',
      arguments: { code: 'crash', language: 'python', session },
    })
    expect(result.structuredContent).toMatchObject({ killedBy: 'oom', context: 'lost' })
    expect(textOf(result)).toContain('[the variables of the session are lost]')
  })

  it('ends if the client leaves', async () => {
    const pool = poolOfTest()
    pool.onCode('forever', results.running())
    const ends = endsOf(pool)
    const client = await connect(await urlOf(pool), { revision })
    const begun = pool.nextRun()
    const call = client.callTool({
      name: 'run_code',
      arguments: { code: 'forever', language: 'python' },
    })
    await begun
    await Promise.all([expect(call).rejects.toThrow(), client.close()])
    await vi.waitFor(() => expect(ends).toEqual(['abort']), 5000)
    await vi.waitFor(() => expect(pool.stats()['python']).toMatchObject({ leased: 0 }), 5000)
  })
})
