import { Hono } from 'hono'
import type { CodeResult, KilledBy, Sandbox, SandboxPool } from 'hono-sandbox'
import { initSandboxes } from 'hono-sandbox'
import { sandbox } from 'hono-sandbox/middleware'
import type { TestPart, TestPool, TestRun } from 'hono-sandbox/testing'
import { createTestPool, results } from 'hono-sandbox/testing'
import { describe, expectTypeOf, it } from 'vitest'

describe('a test pool', () => {
  it('is a SandboxPool, without a cast', () => {
    expectTypeOf(createTestPool).returns.toEqualTypeOf<TestPool>()
    expectTypeOf<TestPool>().toExtend<SandboxPool>()
    const pool = createTestPool({ languages: { python: { size: 1 } }, maxWaiting: 0 })
    new Hono().get('/', sandbox({ pool }), (c) => {
      expectTypeOf(c.get('sandbox')).toEqualTypeOf<Sandbox>()
      return c.text('')
    })
    expectTypeOf(pool.acquire('python')).resolves.toEqualTypeOf<Sandbox>()
    void initSandboxes({ engine: pool.engine })
    // @ts-expect-error the engine is its own
    createTestPool({ engine: pool.engine })
    // @ts-expect-error no such code
    pool.failLaunches('ENOENT')
  })

  it('types the functions of scripts', () => {
    const pool = createTestPool()
    pool.onCode((code, run) => {
      expectTypeOf(code).toEqualTypeOf<string>()
      expectTypeOf(run).toEqualTypeOf<TestRun>()
      return code === '' ? undefined : results.text(run.args.join())
    })
    pool.onExec('ls', (command) => {
      expectTypeOf(command).toEqualTypeOf<string | readonly string[]>()
      return [results.stdout(''), { exitCode: 3 }]
    })
    pool.onCode(/x/, async function* (_, { stdin }) {
      for await (const text of stdin) yield results.stdout(String(text))
    })
    pool.onCode('y', async () => results.exit(1))
    pool.onCode('z', { results: [{ isMain: true, html: '' }], usage: { cpuMs: 1, maxRssBytes: 2 } })
    // @ts-expect-error an answer is missing
    pool.onCode('x')
    // @ts-expect-error a part is an object
    pool.onCode('x', 'output')
    // @ts-expect-error no such field
    pool.onCode('x', { output: '' })
    // @ts-expect-error code is text
    pool.onCode(['ls'], results.exit(0))
  })
})

describe('results', () => {
  it('are parts with the fields of the public results', () => {
    expectTypeOf(results.png(Buffer.alloc(0))).toEqualTypeOf<TestPart>()
    expectTypeOf<NonNullable<TestPart['error']>>().toEqualTypeOf<NonNullable<CodeResult['error']>>()
    expectTypeOf<NonNullable<TestPart['killedBy']>>().toExtend<KilledBy>()
    expectTypeOf<CodeResult['results']>().toExtend<NonNullable<TestPart['results']>>()
    // @ts-expect-error the caller aborts, not a script
    results.killed('abort')
    // @ts-expect-error an error has a message
    results.error({ name: 'ValueError' })
    // @ts-expect-error no such representation
    results.display({ gif: '' })
  })
})
