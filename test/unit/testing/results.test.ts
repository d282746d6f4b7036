import { text } from 'node:stream/consumers'
import { results } from 'hono-sandbox/testing'
import type { TestKill, TestPart } from 'hono-sandbox/testing'
import { describe, expect, it } from 'vitest'
import { until } from '../../helpers/until.js'
import { nextTurn } from '../fakes/fake-agent.js'
import { poolOfTest } from '../fakes/test-pool.js'

/** Runs code that does what the parts say, and returns the result. */
async function resultOf(...parts: TestPart[]) {
  const box = await poolOfTest().onCode('', parts).acquire('python')
  return box.runCode('', { maxOutputBytes: 2_000_000 })
}

describe('results', () => {
  const error = { name: 'ValueError', message: 'no' }

  it.each([
    ['stdout', results.stdout('a'), { stdout: 'a', stderr: '', exitCode: 0, results: [] }],
    ['stdout of bytes', results.stdout(Buffer.from('é')), { stdout: 'é' }],
    ['stderr', results.stderr('b'), { stdout: '', stderr: 'b', exitCode: 0 }],
    ['text', results.text('42'), { text: '42', results: [{ isMain: true, text: '42' }] }],
    ['display', results.display({ html: '<b>' }), { results: [{ isMain: false, html: '<b>' }] }],
    ['png', results.png(Uint8Array.of(1, 2)), { results: [{ isMain: false, png: 'AQI=' }] }],
    ['exit', results.exit(3), { exitCode: 3, signal: null, truncated: false }],
    [
      'error',
      results.error(error),
      { exitCode: 1, stderr: 'ValueError: no\n', error: { ...error, traceback: 'ValueError: no' } },
    ],
    [
      'error with a traceback',
      results.error({ ...error, traceback: 'File "main.py"\nValueError: no\n' }),
      { stderr: 'File "main.py"\nValueError: no\n' },
    ],
    ['a plain part', { error: { ...error, traceback: '' } }, { exitCode: 1, error }],
    [
      'a plain part with a signal',
      { signal: 'SIGSEGV' } as const,
      { signal: 'SIGSEGV', exitCode: null },
    ],
    [
      'usage',
      { exitCode: 0, usage: { cpuMs: 5, maxRssBytes: 1 } },
      { usage: { cpuMs: 5, maxRssBytes: 1 } },
    ],
  ])('have %s', async (_, part, expected) => {
    const result = await resultOf(part)
    expect(result).toMatchObject(expected)
    expect(result).not.toHaveProperty('killedBy')
  })

  it('come in their order, and nothing comes after the end', async () => {
    const parts = [results.stdout('1\n'), results.text('2'), results.stdout('3\n')]
    const result = await resultOf(...parts, results.exit(1), results.stdout('4\n'))
    expect(result).toMatchObject({ stdout: '1\n3\n', text: '2', exitCode: 1 })
    expect(result.logs.stdout).toEqual(['1\n', '3\n'])
  })

  it('can be longer than the credit of a stream, also for a slow reader', async () => {
    const output = results.stdout('x'.repeat(1_000_000))
    expect((await resultOf(output)).stdout).toHaveLength(1_000_000)
    const box = await poolOfTest().onCode('', output).acquire('python')
    let size = 0
    for await (const event of box.runCode('')) {
      if (event.type === 'stdout') size += event.data.length
      if (event.type === 'exit') expect(event.exitCode).toBe(0)
      await nextTurn()
      await nextTurn()
    }
    expect(size).toBe(1_000_000)
  })

  it('have files, which the app can collect', async () => {
    const files = { 'a/a.txt': 'A', 'b.png': Uint8Array.of(1), '/tmp/c': 'C' }
    const pool = poolOfTest().onCode('', results.files(files))
    const box = await pool.acquire('python')
    await box.runCode('')
    const collected = await box.collect()
    expect(collected.files.map(({ path, mimeType, size }) => [path, mimeType, size])).toEqual([
      ['b.png', 'image/png', 1],
      ['a/a.txt', 'text/plain', 1],
    ])
    expect(await box.readFile('/tmp/c', { format: 'text' })).toBe('C')
  })
})

describe('results.killed()', () => {
  it.each<[TestKill, string | null]>([
    ['timeout', 'SIGKILL'],
    ['oom', 'SIGKILL'],
    ['pids', 'SIGKILL'],
    ['disk', 'SIGKILL'],
    ['output', 'SIGKILL'],
    ['crash', 'SIGKILL'],
  ])('has the reason %s, and the output before it', async (killedBy, signal) => {
    const result = await resultOf(results.stdout('before\n'), results.killed(killedBy))
    expect(result).toMatchObject({ killedBy, signal, exitCode: null })
    expect(result.stdout.slice(0, 7)).toBe('before\n')
    expect(result.truncated).toBe(killedBy === 'output')
  })

  it('ends the lease only with a crash', async () => {
    const pool = poolOfTest()
    pool.onCode('oom', results.killed('oom')).onCode('crash', results.killed('crash'))
    const box = await pool.acquire('python')
    await box.runCode('oom')
    expect(box.signal.aborted).toBe(false)
    await box.runCode('crash')
    expect(box.signal.reason).toBe('crash')
    await expect(box.runCode('oom')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
  })

  it('loses a context', async () => {
    const pool = poolOfTest()
    pool.onCode('oom', results.killed('oom')).onCode('x', results.text('1'))
    const box = await pool.acquire('python')
    const context = await box.createCodeContext()
    expect(await box.runCode('x', { context })).toMatchObject({ context: 'kept', text: '1' })
    const lost = await box.runCode('oom', { context })
    expect(lost).toMatchObject({ context: 'lost', killedBy: 'oom' })
    await expect(box.runCode('x', { context })).rejects.toMatchObject({
      code: 'SANDBOX_CONTEXT_LOST',
    })
    expect(await box.runCode('x', { context })).toMatchObject({ context: 'kept' })
  })
})

describe('results.running()', () => {
  it('runs until a signal ends it', async () => {
    const pool = poolOfTest().onCode('', [results.stdout('on'), results.running()])
    const box = await pool.acquire('python')
    const handle = box.runCode('')
    await handle.stdin.getWriter().write('typed')
    for await (const event of handle) {
      if (event.type !== 'stdout') continue
      handle.kill('SIGCONT')
      handle.kill('SIGTERM')
    }
    expect(await handle).toMatchObject({ killedBy: 'abort', signal: 'SIGTERM', stdout: 'on' })
    const [run] = pool.runs
    expect(run?.signal.aborted).toBe(true)
    expect(run && (await text(run.stdin))).toBe('typed')
  })

  it('is interrupted in a context, which is kept', async () => {
    const pool = poolOfTest().onCode('', results.running()).onCode('x', results.text('1'))
    const box = await pool.acquire('python')
    const context = await box.createCodeContext()
    const run = box.runCode('', { context })
    const second = box.runCode('x', { context })
    await until('the run has begun', () => pool.runs.length === 1)
    box.interruptCodeContext(context)
    expect(await run).toMatchObject({ killedBy: 'abort', exitCode: 130, context: 'kept' })
    expect(await second).toMatchObject({ text: '1', context: 'kept' })
  })

  it('ends when its context is deleted', async () => {
    const pool = poolOfTest().onCode('', results.running())
    const box = await pool.acquire('python')
    const context = await box.createCodeContext({ name: 'a', cwd: '/tmp' })
    expect(box.listCodeContexts()).toEqual([context])
    const run = box.runCode('', { context }).then((result) => result)
    await until('the run has begun', () => pool.runs.length === 1)
    await box.deleteCodeContext(context)
    expect(await run).toMatchObject({ killedBy: 'abort', context: 'lost' })
    expect(box.listCodeContexts()).toEqual([])
  })

  it('is a process in the background, with a port', async () => {
    const pool = poolOfTest().onExec('serve', [results.stdout('ready\n'), results.listening(8000)])
    const box = await pool.acquire('python')
    const server = await box.startProcess('serve')
    expect((await server.waitForLog('ready')).line).toBe('ready')
    await server.waitForPort(8000)
    expect(server.status).toBe('running')
    server.kill()
    expect(await server.exited).toMatchObject({ signal: 'SIGKILL', stdout: 'ready\n' })
    const again = await box.startProcess('serve')
    await again.waitForPort(8000)
  })
})
