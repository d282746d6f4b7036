import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LATE_MS } from '../../../src/agent/channel.js'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { LogMatch, SandboxProcess } from '../../../src/index.js'
import { LogWatch } from '../../../src/sandbox/process/log-watch.js'
import { callWith, flushStreams, leaseSandbox } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()
afterEach(() => {
  vi.restoreAllMocks()
})

const PING_TIMERS = 1

/** Starts a process. */
async function startProcess(options: object = {}) {
  const fixture = await leaseSandbox()
  const starting = fixture.sandbox.startProcess('server', options)
  fixture.agent.started(1, { pid: 7 })
  return { ...fixture, process: await starting }
}

describe('a background process', () => {
  it('has an id, a pid, a command, a status, logs and a result', async () => {
    const { agent, process } = await startProcess()
    expect(process).toMatchObject({ id: 'process-1', pid: 7, command: 'server', status: 'running' })
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    await flushStreams()
    expect(process.logs()).toEqual({ stdout: 'out', stderr: 'err' })
    agent.done(1, { exitCode: 3 })
    expect(await process.exited).toMatchObject({ exitCode: 3, stdout: 'out', stderr: 'err' })
    expect(process.status).toBe('exited')
  })

  it('runs without a time limit and without a timer', async () => {
    const { agent } = await startProcess()
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(20_000)
      agent.send(Kind.ping, 0)
      await flushStreams()
    }
    expect(agent.signals).toEqual([])
  })

  it.each([
    ['its lease is released', 'abort', ({ sandbox }) => void sandbox.release()],
    [
      'the time to live of its lease is over',
      'timeout',
      ({ sandbox }) => void sandbox.release('ttl'),
    ],
    ['the container exits', 'crash', ({ agent }) => agent.exit()],
    ['the container exits after an OOM', 'oom', ({ agent }) => agent.exit({ oom: true })],
  ] satisfies [string, string, (fixture: Awaited<ReturnType<typeof leaseSandbox>>) => void][])(
    'resolves `exited` if %s',
    async (_, killedBy, end) => {
      const { process, ...fixture } = await startProcess()
      fixture.agent.data(1, Stream.stdout, 'so far')
      await flushStreams()
      end(fixture)
      expect(await process.exited).toMatchObject({ exitCode: null, killedBy, stdout: 'so far' })
    },
  )

  it('is killed if the signal of its start aborts', async () => {
    const abort = new AbortController()
    const { agent, process } = await startProcess({ signal: abort.signal })
    abort.abort()
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await process.exited).toMatchObject({ killedBy: 'abort' })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })

  it('gets a signal by its name, and its container is killed if SIGKILL is not confirmed', async () => {
    const { agent, process } = await startProcess()
    process.kill('SIGTERM')
    vi.advanceTimersByTime(2000)
    expect(agent.kills).toBe(0)
    expect(() => callWith(process, 'kill', 'TERM')).toThrow('the name of a signal')
    process.kill()
    vi.advanceTimersByTime(1000)
    expect(await process.exited).toMatchObject({ signal: 'SIGKILL', killedBy: 'abort' })
    expect(agent.signals).toEqual(['SIGTERM', 'SIGKILL'])
    advanceTime(LATE_MS)
    expect(agent.kills).toBe(1)
    process.kill()
  })

  it('has a stdin that stays open until close()', async () => {
    const { agent, process } = await startProcess()
    vi.advanceTimersByTime(1000)
    const writer = process.stdin.getWriter()
    await writer.write('hello')
    await flushStreams()
    expect(agent.input).toBe('hello')
    expect(agent.receivedOf(Kind.eof)).toEqual([])
    await writer.close()
    await flushStreams()
    expect(agent.receivedOf(Kind.eof)).toHaveLength(1)
  })

  it('keeps the beginning and the end of its output, and never waits for credit', async () => {
    const { agent, process } = await startProcess({ maxLogBytes: 8 })
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, Buffer.alloc(65_536, 'x'))
      await flushStreams()
    }
    expect(agent.signals).toEqual([])
    expect(process.logs().stdout).toBe(`xxxxxx\n[${48 * 65_536 - 8} bytes left out]\nxx`)
  })
})

describe('waitForLog()', () => {
  it('finds a new line on either stream', async () => {
    const { agent, process } = await startProcess()
    const waits = [process.waitForLog('ready'), process.waitForLog(/port (\d+)/)]
    agent.data(1, Stream.stderr, 'on port ')
    agent.data(1, Stream.stdout, 'ready\n')
    await flushStreams()
    agent.data(1, Stream.stderr, '80\n')
    const [text, pattern] = await Promise.all(waits)
    expect(text).toEqual({ line: 'ready' })
    expect(pattern).toMatchObject({ line: 'on port 80', match: { 1: '80' } })
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })

  it('finds a line that was written before, even if its end comes later', async () => {
    const { agent, process } = await startProcess()
    agent.data(1, Stream.stdout, 'early\nhalf')
    await flushStreams()
    agent.data(1, Stream.stderr, 'warning\n')
    await flushStreams()
    expect(await process.waitForLog('early')).toEqual({ line: 'early' })
    expect(await process.waitForLog('warning')).toEqual({ line: 'warning' })
    const half = process.waitForLog(/half done/)
    agent.data(1, Stream.stdout, ' done')
    expect(await half).toMatchObject({ line: 'half done' })
  })

  it('finds a line that was written before the process exited', async () => {
    const { agent, process } = await startProcess()
    const waiting = process.waitForLog('last')
    agent.data(1, Stream.stdout, 'last words')
    agent.done(1)
    expect(await waiting).toEqual({ line: 'last words' })
    expect(await process.waitForLog('last')).toEqual({ line: 'last words' })
  })

  it.each<[string, object, string]>([
    ['it has an exit code', { exitCode: 3 }, 'exited with code 3 before a line of output matched'],
    ['it was killed by a signal', { signal: 'SIGTERM' }, 'was killed by SIGTERM before'],
    ['it has a cause', { exitCode: 1, cause: 'oom' }, 'exited with code 1 (oom) before'],
  ])('rejects with the last output when the process ends, if %s', async (_, done, part) => {
    const { agent, process } = await startProcess()
    const waiting = process.waitForLog('ready')
    agent.data(1, Stream.stdout, 'starting')
    agent.data(1, Stream.stderr, `${'x'.repeat(2000)}no such module\n`)
    agent.done(1, done)
    const error = await outcomeOf(waiting)
    expect(error).toMatchObject({
      code: 'SANDBOX_PROCESS_EXITED',
      message: expect.stringContaining(part),
    })
    expect(error).toMatchObject({
      message: expect.stringMatching(/its last output:\nstarting\nx+no such module$/),
    })
    expect(String(error).length).toBeLessThan(1200)
    await expect(process.waitForLog('ready')).rejects.toMatchObject({
      code: 'SANDBOX_PROCESS_EXITED',
    })
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })

  it('rejects after its timeoutMs, or after thirty seconds by default', async () => {
    const { process } = await startProcess()
    const waits = [process.waitForLog('ready'), process.waitForLog('ready', { timeoutMs: 5 })]
    advanceTime(5)
    await expect(waits[1]).rejects.toMatchObject({
      code: 'SANDBOX_WAIT_TIMEOUT',
      message:
        'the wait for the process process-1 timed out after 5 ms, before a line of output matched; it wrote no output',
    })
    vi.advanceTimersByTime(29_993)
    expect(await outcomeOf(waits[0] ?? Promise.resolve())).toBe('pending')
    advanceTime(1)
    await expect(waits[0]).rejects.toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
    expect(process.status).toBe('running')
  })

  it.each(['before', 'after'])(
    'rejects if its signal aborts %s the call, and does not end the process',
    async (when) => {
      const { agent, process } = await startProcess()
      const abort = new AbortController()
      if (when === 'before') abort.abort('enough')
      const waiting = process.waitForLog('ready', { signal: abort.signal })
      abort.abort('enough')
      expect(await outcomeOf(waiting)).toBe('enough')
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
      expect(vi.getTimerCount()).toBe(PING_TIMERS)
      expect(agent.signals).toEqual([])
    },
  )

  it('rejects an invalid option with the name of the option', async () => {
    const { process } = await startProcess()
    const calls: [string, unknown][] = [
      ['timeoutMs', process.waitForLog('x', { timeoutMs: -1 })],
      ['timeoutMs', process.waitForPort(80, { timeoutMs: -1 })],
      ['port', process.waitForPort(0)],
      ['port', process.waitForPort(65_536)],
      ['pattern', callWith(process, 'waitForLog', 5)],
    ]
    for (const [name, call] of calls) {
      await expect(call).rejects.toMatchObject({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.stringContaining(name),
      })
    }
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })
})

describe('many calls of waitForLog()', () => {
  it('all resolve, and none reads output after its end', async () => {
    const { agent, process } = await startProcess()
    const found: LogMatch[] = []
    const waitAll = async (each: SandboxProcess) => {
      for (let line = 0; line < 50; line++) found.push(await each.waitForLog(`line ${line};`))
    }
    const waiting = waitAll(process)
    for (let line = 0; line < 50; line++) {
      agent.data(1, Stream.stdout, `line ${line};\n`)
      await flushStreams()
    }
    await waiting
    expect(found.map(({ line }) => line)).toEqual(found.map((_, line) => `line ${line};`))
    const push = vi.spyOn(LogWatch.prototype, 'push')
    agent.data(1, Stream.stdout, 'more')
    await flushStreams()
    expect(push).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(PING_TIMERS)
  })
})
