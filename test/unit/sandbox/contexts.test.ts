import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import { flow, leased, recordOf } from '../fakes/fake-agent.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** A lease with one context, whose process is request 1. */
async function withContext() {
  const world = await leased()
  const creating = world.sandbox.createCodeContext({ name: 'notebook', env: { A: '1' } })
  await flow()
  world.agent.started(1, { pid: 7 })
  return { ...world, context: await creating }
}

const errorOf = async (failing: PromiseLike<unknown>) =>
  failing.then(
    () => undefined,
    (error: unknown) => error,
  )

const codesOf = (agent: FakeAgent) =>
  agent.heardOf(Kind.request).map(({ payload }) => JSON.parse(payload.toString()).code)

describe('a context', () => {
  it('is a process that the agent keeps', async () => {
    const { agent, context, sandbox } = await withContext()
    expect(agent.requests).toEqual([{ op: 'open', context: 'context-1', env: { A: '1' } }])
    const about = { id: 'context-1', name: 'notebook', language: 'python', cwd: '/workspace' }
    expect(context).toEqual(about)
    expect(sandbox.listCodeContexts()).toEqual([about])
  })

  it('runs code by its id or itself, and says that it goes on', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('x = 1', { context }).then((result) => result)
    await flow()
    const timeoutMs = 30_000
    expect(agent.requests[1]).toEqual({
      op: 'run',
      code: 'x = 1',
      context: 'context-1',
      timeoutMs,
    })
    agent.data(2, Stream.records, recordOf({ type: 'result', isMain: true, text: '1' }))
    agent.done(2)
    expect(await running).toMatchObject({ exitCode: 0, context: 'kept', text: '1' })
    const byId = sandbox.runCode('x', { context: 'context-1' }).then((result) => result)
    await flow()
    agent.done(3)
    expect(await byId).toMatchObject({ context: 'kept' })
  })

  it('has its runs one after the other, two contexts side by side', async () => {
    const { agent, context, sandbox } = await withContext()
    const creating = sandbox.createCodeContext()
    await flow()
    agent.started(2, { pid: 8 })
    const other = await creating
    const runs = ['a', 'b'].map((code) => sandbox.runCode(code, { context }).then((end) => end))
    runs.push(sandbox.runCode('c', { context: other }).then((end) => end))
    await flow()
    expect(codesOf(agent).slice(2)).toEqual(['a', 'c'])
    agent.done(3)
    await flow()
    expect(codesOf(agent).slice(2)).toEqual(['a', 'c', 'b'])
    agent.done(4)
    agent.done(5)
    expect((await Promise.all(runs)).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
  })

  it('never runs what was ended while it waited, and goes on with the next', async () => {
    const { agent, context, sandbox } = await withContext()
    const abort = new AbortController()
    const first = sandbox.runCode('first', { context }).then((end) => end)
    const late = sandbox.runCode('late', { context, timeoutMs: 50 }).then((end) => end)
    const aborted = sandbox.runCode('no', { context, signal: abort.signal }).then((end) => end)
    const last = sandbox.runCode('last', { context }).then((end) => end)
    await flow()
    elapse(50)
    abort.abort()
    expect(await late).toMatchObject({ killedBy: 'timeout', exitCode: null, context: 'kept' })
    expect(await aborted).toMatchObject({ killedBy: 'abort', exitCode: null, context: 'kept' })
    agent.done(2)
    await first
    await flow()
    agent.done(3)
    await last
    expect(codesOf(agent)).toEqual([undefined, 'first', 'last'])
  })

  it('is interrupted before it is killed', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context, timeoutMs: 100 }).then((end) => end)
    await flow()
    elapse(100)
    await flow()
    expect(agent.signals).toEqual(['SIGINT'])
    agent.done(2, { exitCode: 130 })
    expect(await running).toMatchObject({ killedBy: 'timeout', exitCode: 130, context: 'kept' })
    vi.advanceTimersByTime(5000)
    await flow()
    expect(agent.signals).toEqual(['SIGINT'])
  })

  it('is killed if it goes on, then its container is, and it is answered within a second', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context, timeoutMs: 100 }).then((end) => end)
    await flow()
    vi.advanceTimersByTime(650)
    await flow()
    expect(agent.signals).toEqual(['SIGINT', 'SIGKILL'])
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(450)
    expect(agent.kills).toBe(1)
    expect(await running).toMatchObject({ killedBy: 'timeout', exitCode: null, context: 'lost' })
  })

  it('tells of its death those who had called it by then, then begins anew', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('dies', { context }).then((end) => end)
    const waiting = [1, 2].map(() => errorOf(sandbox.runCode('waits', { context })))
    await flow()
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
    await flow()
    expect(agent.requests[2]).toMatchObject({ op: 'open', context: 'context-1', env: { A: '1' } })
    agent.started(3, { pid: 9 })
    await flow()
    agent.done(4)
    expect(await next).toMatchObject({ exitCode: 0, context: 'kept' })
  })

  it('tells the next who comes where nobody had, once', async () => {
    const { agent, context, sandbox } = await withContext()
    agent.done(1, { exitCode: null, signal: 'SIGKILL', cause: 'oom' })
    await flow()
    const told = await errorOf(sandbox.runCode('x', { context }))
    expect(told).toMatchObject({
      code: 'SANDBOX_CONTEXT_LOST',
      message: expect.stringContaining('the sandbox is low on memory'),
    })
    const next = sandbox.runCode('x', { context }).then((end) => end)
    await flow()
    agent.started(2, { pid: 9 })
    await flow()
    agent.done(3)
    expect(await next).toMatchObject({ context: 'kept' })
  })

  it('is deleted with what runs in it, and what waits is told', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('loop', { context }).then((end) => end)
    const waiting = errorOf(sandbox.runCode('waits', { context }))
    await flow()
    const deleting = sandbox.deleteCodeContext(context)
    await flow()
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

  it('that does not begin is none', async () => {
    const { agent, sandbox } = await leased()
    const abort = new AbortController()
    const failing = errorOf(sandbox.createCodeContext())
    const late = errorOf(sandbox.createCodeContext({ timeoutMs: 100 }))
    const aborted = errorOf(sandbox.createCodeContext({ signal: abort.signal }))
    await flow()
    agent.done(1, { exitCode: 1 })
    expect(await failing).toMatchObject({ code: 'SANDBOX_CONTEXT_LOST' })
    elapse(100)
    await flow()
    agent.done(2, { exitCode: null, signal: 'SIGKILL' })
    expect(await late).toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
    abort.abort(new Error('enough'))
    await flow()
    agent.done(3, { exitCode: null, signal: 'SIGKILL' })
    expect(await aborted).toMatchObject({ message: 'enough' })
    expect(sandbox.listCodeContexts()).toEqual([])
  })

  it('is one of eight at most', async () => {
    const { agent, sandbox } = await leased()
    agent.onFrame = ({ kind, id }) => {
      if (kind === Kind.request) agent.started(id, { pid: id })
    }
    for (let count = 0; count < 8; count++) await sandbox.createCodeContext()
    expect(await errorOf(sandbox.createCodeContext())).toMatchObject({
      code: 'SANDBOX_TOO_MANY_CONTEXTS',
    })
  })

  it('of another lease is unknown, though it has the same id', async () => {
    const { context } = await withContext()
    const { sandbox } = await withContext()
    expect(await errorOf(sandbox.runCode('x', { context }))).toMatchObject({
      code: 'SANDBOX_UNKNOWN_CONTEXT',
    })
  })

  it.each([{ cwd: '/tmp' }, { env: {} }, { args: [] }, { stdin: 'x' }])(
    'takes no %o for a run',
    async (options) => {
      const { context, sandbox } = await withContext()
      const refused = await errorOf(sandbox.runCode('x', { context, ...options }))
      expect(refused).toMatchObject({ code: 'SANDBOX_INVALID_OPTION' })
    },
  )

  it('refuses code that is too long to send, and goes on', async () => {
    const { agent, context, sandbox } = await withContext()
    const code = 'x'.repeat(17 * 1024 * 1024)
    expect(await errorOf(sandbox.runCode(code, { context }))).toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
    })
    const next = sandbox.runCode('next', { context })
    await flow()
    agent.done(2)
    expect(await next).toMatchObject({ context: 'kept' })
  })

  it('that is deleted while it opens is gone, and was never there', async () => {
    const { agent, sandbox } = await leased()
    const creating = errorOf(sandbox.createCodeContext())
    await flow()
    const deleting = sandbox.deleteCodeContext('context-1')
    agent.started(1, { pid: 7 })
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    await deleting
    expect(await creating).toMatchObject({ code: 'SANDBOX_UNKNOWN_CONTEXT' })
  })

  it('is opened once, though who waited for it is over', async () => {
    const { agent, context, sandbox } = await withContext()
    agent.done(1, { exitCode: null, signal: 'SIGKILL' })
    await flow()
    await errorOf(sandbox.runCode('told', { context }))
    const late = sandbox.runCode('late', { context, timeoutMs: 50 })
    const next = sandbox.runCode('next', { context })
    await flow()
    elapse(50)
    expect(await late).toMatchObject({ killedBy: 'timeout' })
    await flow()
    agent.started(2, { pid: 8 })
    await flow()
    agent.done(3)
    expect(await next).toMatchObject({ exitCode: 0, context: 'kept' })
    expect(agent.requests.map((request) => Object(request).op)).toEqual(['open', 'open', 'run'])
  })

  it('reads nothing', async () => {
    const { context, sandbox } = await withContext()
    const handle = sandbox.runCode('x', { context })
    handle.catch(() => {})
    expect(await errorOf(handle.stdin.getWriter().write('x'))).toMatchObject({
      code: 'SANDBOX_STDIN_CLOSED',
    })
  })

  it('never runs what is signalled while it waits', async () => {
    const { agent, context, sandbox } = await withContext()
    const first = sandbox.runCode('first', { context })
    const second = sandbox.runCode('second', { context })
    second.kill('SIGINT')
    expect(await second).toMatchObject({ killedBy: 'abort', exitCode: null, context: 'kept' })
    await flow()
    agent.done(2)
    await first
    await flow()
    expect(codesOf(agent)).toEqual([undefined, 'first'])
  })

  it('ends with its lease', async () => {
    const { agent, context, sandbox } = await withContext()
    const running = sandbox.runCode('x', { context }).then((end) => end)
    await flow()
    sandbox.release()
    agent.exit()
    expect(await running).toMatchObject({ killedBy: 'abort', context: 'lost' })
    expect(await errorOf(sandbox.runCode('x', { context }))).toMatchObject({
      code: 'SANDBOX_LEASE_ENDED',
    })
  })
})
