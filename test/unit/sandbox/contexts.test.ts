import { describe, expect, it, vi } from 'vitest'
import { LATE_MS } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import { encodeRecord, flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** Leases a sandbox and creates a context, whose process is request 1. */
async function withContext() {
  const fixture = await leaseSandbox()
  const creating = fixture.sandbox.createCodeContext({ name: 'notebook', env: { A: '1' } })
  await flushStreams()
  fixture.agent.started(1, { pid: 7 })
  return { ...fixture, context: await creating }
}

const errorOf = async (failing: PromiseLike<unknown>) =>
  failing.then(
    () => undefined,
    (error: unknown) => error,
  )

const codesOf = (agent: FakeAgent) =>
  agent.receivedOf(Kind.request).map(({ payload }) => JSON.parse(payload.toString()).code)

describe('a context of code', () => {
  it('is opened with its id, and listed by the sandbox', async () => {
    const { agent, context, sandbox } = await withContext()
    expect(agent.requests).toEqual([{ op: 'open', context: 'context-1', env: { A: '1' } }])
    const about = { id: 'context-1', name: 'notebook', language: 'python', cwd: '/workspace' }
    expect(context).toEqual(about)
    expect(sandbox.listCodeContexts()).toEqual([about])
  })

  it('runs code by its id or by its object, and is kept after the run', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('x = 1', { context }).then((result) => result)
    await flushStreams()
    const timeoutMs = 30_000
    expect(agent.requests[1]).toEqual({
      op: 'run',
      code: 'x = 1',
      context: 'context-1',
      timeoutMs,
    })
    agent.data(2, Stream.records, encodeRecord({ type: 'result', isMain: true, text: '1' }))
    agent.done(2)
    expect(await running).toMatchObject({ exitCode: 0, context: 'kept', text: '1' })
    const byId = sandbox.runCode('x', { context: 'context-1' }).then((result) => result)
    await flushStreams()
    agent.done(3)
    expect(await byId).toMatchObject({ context: 'kept' })
  })

  it('executes its cells one after the other, beside the cells of another context', async () => {
    const { agent, context, sandbox } = await withContext()
    const creating = sandbox.createCodeContext()
    await flushStreams()
    agent.started(2, { pid: 8 })
    const other = await creating
    const runs = ['a', 'b'].map((code) => sandbox.runCode(code, { context }).then((end) => end))
    runs.push(sandbox.runCode('c', { context: other }).then((end) => end))
    await flushStreams()
    expect(codesOf(agent).slice(2)).toEqual(['a', 'c'])
    agent.done(3)
    await flushStreams()
    expect(codesOf(agent).slice(2)).toEqual(['a', 'c', 'b'])
    agent.done(4)
    agent.done(5)
    expect((await Promise.all(runs)).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
  })

  it('skips cells that end while they wait, and executes the next cell', async () => {
    const { agent, context, sandbox } = await withContext()
    const abort = new AbortController()
    const first = sandbox.runCode('first', { context }).then((end) => end)
    const late = sandbox.runCode('late', { context, timeoutMs: 50 }).then((end) => end)
    const aborted = sandbox.runCode('no', { context, signal: abort.signal }).then((end) => end)
    const last = sandbox.runCode('last', { context }).then((end) => end)
    await flushStreams()
    advanceTime(50)
    abort.abort()
    expect(await late).toMatchObject({ killedBy: 'timeout', exitCode: null, context: 'kept' })
    expect(await aborted).toMatchObject({ killedBy: 'abort', exitCode: null, context: 'kept' })
    agent.done(2)
    await first
    await flushStreams()
    agent.done(3)
    await last
    expect(codesOf(agent)).toEqual([undefined, 'first', 'last'])
  })

  it('is interrupted at the time limit of a cell, and not killed if the cell ends', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context, timeoutMs: 100 }).then((end) => end)
    await flushStreams()
    advanceTime(100)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT'])
    agent.done(2, { exitCode: 130 })
    expect(await running).toMatchObject({ killedBy: 'timeout', exitCode: 130, context: 'kept' })
    vi.advanceTimersByTime(5000)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT'])
  })

  it('is killed if a cell does not end, within a second, and its container later', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context, timeoutMs: 100 }).then((end) => end)
    await flushStreams()
    vi.advanceTimersByTime(650)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGINT', 'SIGKILL'])
    vi.advanceTimersByTime(450)
    expect(await running).toMatchObject({ killedBy: 'timeout', exitCode: null, context: 'lost' })
    expect(agent.kills).toBe(0)
    advanceTime(LATE_MS)
    expect(agent.kills).toBe(1)
  })

  it('rejects the waiting cells if its process ends, then starts a new process', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('dies', { context }).then((end) => end)
    const waiting = [1, 2].map(() => errorOf(sandbox.runCode('waits', { context })))
    await flushStreams()
    agent.done(1, { exitCode: null, signal: 'SIGSEGV' })
    agent.done(2, { exitCode: null, signal: 'SIGSEGV' })
    expect(await running).toMatchObject({ signal: 'SIGSEGV', context: 'lost' })
    for (const outcome of waiting) {
      expect(await outcome).toMatchObject({
        code: 'SANDBOX_CONTEXT_LOST',
        message: expect.stringContaining('context-1 is lost: its process was killed by SIGSEGV'),
      })
    }
    const next = sandbox.runCode('anew', { context }).then((end) => end)
    await flushStreams()
    expect(agent.requests[2]).toMatchObject({ op: 'open', context: 'context-1', env: { A: '1' } })
    agent.started(3, { pid: 9 })
    await flushStreams()
    agent.done(4)
    expect(await next).toMatchObject({ exitCode: 0, context: 'kept' })
  })

  it('rejects only the next cell if its process ends while it is idle', async () => {
    const { agent, context, sandbox } = await withContext()
    agent.done(1, { exitCode: null, signal: 'SIGKILL', cause: 'oom' })
    await flushStreams()
    const rejected = await errorOf(sandbox.runCode('x', { context }))
    expect(rejected).toMatchObject({
      code: 'SANDBOX_CONTEXT_LOST',
      message: expect.stringContaining('the sandbox is low on memory'),
    })
    const next = sandbox.runCode('x', { context }).then((end) => end)
    await flushStreams()
    agent.started(2, { pid: 9 })
    await flushStreams()
    agent.done(3)
    expect(await next).toMatchObject({ context: 'kept' })
  })

  it('kills its cell and rejects the waiting cells if it is deleted', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context }).then((end) => end)
    const waiting = errorOf(sandbox.runCode('waits', { context }))
    await flushStreams()
    const deleting = sandbox.deleteCodeContext(context)
    await flushStreams()
    expect(agent.signals).toContain('SIGKILL')
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    agent.done(2, { exitCode: null, signal: 'SIGKILL' })
    await deleting
    expect(await running).toMatchObject({ killedBy: 'abort', context: 'lost' })
    expect(await waiting).toMatchObject({ code: 'SANDBOX_UNKNOWN_CONTEXT' })
    expect(sandbox.listCodeContexts()).toEqual([])
    expect(await errorOf(sandbox.runCode('x', { context }))).toMatchObject({
      code: 'SANDBOX_UNKNOWN_CONTEXT',
    })
    expect(await errorOf(sandbox.deleteCodeContext('context-1'))).toMatchObject({
      code: 'SANDBOX_UNKNOWN_CONTEXT',
    })
  })

  it('is not listed if its process does not start in time', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const abort = new AbortController()
    const failing = errorOf(sandbox.createCodeContext())
    const late = errorOf(sandbox.createCodeContext({ timeoutMs: 100 }))
    const aborted = errorOf(sandbox.createCodeContext({ signal: abort.signal }))
    await flushStreams()
    agent.done(1, { exitCode: 1 })
    expect(await failing).toMatchObject({ code: 'SANDBOX_CONTEXT_LOST' })
    advanceTime(100)
    await flushStreams()
    agent.done(2, { exitCode: null, signal: 'SIGKILL' })
    expect(await late).toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
    abort.abort(new Error('enough'))
    await flushStreams()
    agent.done(3, { exitCode: null, signal: 'SIGKILL' })
    expect(await aborted).toMatchObject({ message: 'enough' })
    expect(sandbox.listCodeContexts()).toEqual([])
  })

  it('is one of at most eight in a lease', async () => {
    const { agent, sandbox } = await leaseSandbox()
    agent.onFrame = ({ kind, id }) => {
      if (kind === Kind.request) agent.started(id, { pid: id })
    }
    for (let count = 0; count < 8; count++) await sandbox.createCodeContext()
    expect(await errorOf(sandbox.createCodeContext())).toMatchObject({
      code: 'SANDBOX_TOO_MANY_CONTEXTS',
    })
  })

  it('is unknown in another lease, although the id exists there', async () => {
    const { context } = await withContext()
    const { sandbox } = await withContext()
    expect(await errorOf(sandbox.runCode('x', { context }))).toMatchObject({
      code: 'SANDBOX_UNKNOWN_CONTEXT',
    })
  })

  it.each([{ cwd: '/tmp' }, { env: {} }, { args: [] }, { stdin: 'x' }])(
    'refuses the options %o for a cell',
    async (options) => {
      const { context, sandbox } = await withContext()
      const refused = await errorOf(sandbox.runCode('x', { context, ...options }))
      expect(refused).toMatchObject({ code: 'SANDBOX_INVALID_OPTION' })
    },
  )

  it('refuses code that is too long to send, and executes the next cell', async () => {
    const { agent, context, sandbox } = await withContext()
    const code = 'x'.repeat(17 * 1024 * 1024)
    expect(await errorOf(sandbox.runCode(code, { context }))).toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
    })
    const next = sandbox.runCode('next', { context })
    await flushStreams()
    agent.done(2)
    expect(await next).toMatchObject({ context: 'kept' })
  })

  it('rejects its creation if it is deleted while its process starts', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const creating = errorOf(sandbox.createCodeContext())
    await flushStreams()
    const deleting = sandbox.deleteCodeContext('context-1')
    agent.started(1, { pid: 7 })
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    await deleting
    expect(await creating).toMatchObject({ code: 'SANDBOX_UNKNOWN_CONTEXT' })
  })

  it('is opened once, although the cell that opened it has ended', async () => {
    const { agent, context, sandbox } = await withContext()
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    await flushStreams()
    await errorOf(sandbox.runCode('rejected', { context }))
    const late = sandbox.runCode('late', { context, timeoutMs: 50 })
    const next = sandbox.runCode('next', { context })
    await flushStreams()
    advanceTime(50)
    expect(await late).toMatchObject({ killedBy: 'timeout' })
    await flushStreams()
    agent.started(2, { pid: 8 })
    await flushStreams()
    agent.done(3)
    expect(await next).toMatchObject({ exitCode: 0, context: 'kept' })
    expect(agent.requests.map((request) => Object(request).op)).toEqual(['open', 'open', 'run'])
  })

  it('has a closed stdin', async () => {
    const { context, sandbox } = await withContext()
    const handle = sandbox.runCode('x', { context })
    handle.catch(() => {})
    expect(await errorOf(handle.stdin.getWriter().write('x'))).toMatchObject({
      code: 'SANDBOX_STDIN_CLOSED',
    })
  })

  it('skips a cell that gets a signal while it waits', async () => {
    const { agent, context, sandbox } = await withContext()
    const first = sandbox.runCode('first', { context })
    const second = sandbox.runCode('second', { context })
    second.kill('SIGINT')
    expect(await second).toMatchObject({ killedBy: 'abort', exitCode: null, context: 'kept' })
    await flushStreams()
    agent.done(2)
    await first
    await flushStreams()
    expect(codesOf(agent)).toEqual([undefined, 'first'])
  })

  it('is lost when its lease ends', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('x', { context }).then((end) => end)
    await flushStreams()
    sandbox.release()
    agent.exit()
    expect(await running).toMatchObject({ killedBy: 'abort', context: 'lost' })
    expect(await errorOf(sandbox.runCode('x', { context }))).toMatchObject({
      code: 'SANDBOX_LEASE_ENDED',
    })
  })
})
