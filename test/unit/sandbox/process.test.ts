import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { LogMatch, SandboxProcess } from '../../../src/index.js'
import { LogWatch } from '../../../src/sandbox/process/log-watch.js'
import { callWith, flow, leased } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse } from '../fakes/fake-time.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()
afterEach(() => {
  vi.restoreAllMocks()
})

const PINGER = 1

/** A process that runs. */
async function running(options: object = {}) {
  const world = await leased()
  const starting = world.sandbox.startProcess('server', options)
  world.agent.started(1, { pid: 7 })
  return { ...world, process: await starting }
}

describe('a process', () => {
  it('has an id, a pid, a command and a status', async () => {
    const { agent, process } = await running()
    expect(process).toMatchObject({ id: 'process-1', pid: 7, command: 'server', status: 'running' })
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    await flow()
    expect(process.logs()).toEqual({ stdout: 'out', stderr: 'err' })
    agent.done(1, { exitCode: 3 })
    expect(await process.exited).toMatchObject({ exitCode: 3, stdout: 'out', stderr: 'err' })
    expect(process.status).toBe('exited')
  })

  it('runs for as long as the lease: it has no time limit and leaves no timer', async () => {
    const { agent } = await running()
    expect(vi.getTimerCount()).toBe(PINGER)
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(20_000)
      agent.say(Kind.ping, 0)
      await flow()
    }
    expect(agent.signals).toEqual([])
  })

  it.each([
    ['its lease ends', 'abort', ({ sandbox }) => void sandbox.release()],
    ['the lease takes too long', 'timeout', ({ sandbox }) => void sandbox.release('ttl')],
    ['the container goes', 'crash', ({ agent }) => agent.exit()],
    ['there is no memory', 'oom', ({ agent }) => agent.exit({ oom: true })],
  ] satisfies [string, string, (world: Awaited<ReturnType<typeof leased>>) => void][])(
    'where %s ends, and is no rejection',
    async (_, killedBy, end) => {
      const { process, ...world } = await running()
      world.agent.data(1, Stream.stdout, 'so far')
      await flow()
      end(world)
      expect(await process.exited).toMatchObject({ exitCode: null, killedBy, stdout: 'so far' })
    },
  )

  it('is ended by the signal of its start', async () => {
    const abort = new AbortController()
    const { agent, process } = await running({ signal: abort.signal })
    abort.abort()
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await process.exited).toMatchObject({ killedBy: 'abort' })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })

  it('is killed by name; SIGKILL is sure', async () => {
    const { agent, process } = await running()
    process.kill('SIGTERM')
    vi.advanceTimersByTime(2000)
    expect(agent.kills).toBe(0)
    expect(() => callWith(process, 'kill', 'TERM')).toThrow('the name of a signal')
    process.kill()
    vi.advanceTimersByTime(1000)
    expect(await process.exited).toMatchObject({ signal: 'SIGKILL', killedBy: 'abort' })
    expect(agent.signals).toEqual(['SIGTERM', 'SIGKILL'])
    expect(agent.kills).toBe(1)
    process.kill()
  })

  it('has a stdin that stays open until it is closed', async () => {
    const { agent, process } = await running()
    vi.advanceTimersByTime(1000)
    const writer = process.stdin.getWriter()
    await writer.write('hello')
    await flow()
    expect(agent.input).toBe('hello')
    expect(agent.heardOf(Kind.eof)).toEqual([])
    await writer.close()
    await flow()
    expect(agent.heardOf(Kind.eof)).toHaveLength(1)
  })

  it('keeps beginning and end of what it writes, and is never held back', async () => {
    const { agent, process } = await running({ maxLogBytes: 8 })
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, Buffer.alloc(65_536, 'x'))
      await flow()
    }
    expect(agent.signals).toEqual([])
    expect(process.logs().stdout).toBe(`xxxxxx\n[${48 * 65_536 - 8} bytes left out]\nxx`)
  })
})

describe('waitForLog()', () => {
  it('finds a line that comes, on either stream', async () => {
    const { agent, process } = await running()
    const waits = [process.waitForLog('ready'), process.waitForLog(/port (\d+)/)]
    agent.data(1, Stream.stderr, 'on port ')
    agent.data(1, Stream.stdout, 'ready\n')
    await flow()
    agent.data(1, Stream.stderr, '80\n')
    const [text, pattern] = await Promise.all(waits)
    expect(text).toEqual({ line: 'ready' })
    expect(pattern).toMatchObject({ line: 'on port 80', match: { 1: '80' } })
    expect(vi.getTimerCount()).toBe(PINGER)
  })

  it('finds what was written before, and the rest of a line of it', async () => {
    const { agent, process } = await running()
    agent.data(1, Stream.stdout, 'early\nhalf')
    await flow()
    agent.data(1, Stream.stderr, 'warning\n')
    await flow()
    expect(await process.waitForLog('early')).toEqual({ line: 'early' })
    expect(await process.waitForLog('warning')).toEqual({ line: 'warning' })
    const half = process.waitForLog(/half done/)
    agent.data(1, Stream.stdout, ' done')
    expect(await half).toMatchObject({ line: 'half done' })
  })

  it('finds what was written before it ended, even when it is asked later', async () => {
    const { agent, process } = await running()
    const waiting = process.waitForLog('last')
    agent.data(1, Stream.stdout, 'last words')
    agent.done(1)
    expect(await waiting).toEqual({ line: 'last words' })
    expect(await process.waitForLog('last')).toEqual({ line: 'last words' })
  })

  it.each<[string, object, string]>([
    ['with its last output', { exitCode: 3 }, 'exited with code 3 before a line of output matched'],
    ['by a signal', { signal: 'SIGTERM' }, 'was killed by SIGTERM before'],
    ['for a reason', { exitCode: 1, cause: 'oom' }, 'exited with code 1 (oom) before'],
  ])('rejects when the process dies, %s', async (_, done, part) => {
    const { agent, process } = await running()
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
    expect(vi.getTimerCount()).toBe(PINGER)
  })

  it('rejects when it takes too long: thirty seconds, or as told', async () => {
    const { process } = await running()
    const waits = [process.waitForLog('ready'), process.waitForLog('ready', { timeoutMs: 5 })]
    elapse(5)
    await expect(waits[1]).rejects.toMatchObject({
      code: 'SANDBOX_WAIT_TIMEOUT',
      message:
        'the wait for the process process-1 timed out after 5 ms, before a line of output matched; it wrote no output',
    })
    vi.advanceTimersByTime(29_993)
    expect(await outcomeOf(waits[0] ?? Promise.resolve())).toBe('pending')
    elapse(1)
    await expect(waits[0]).rejects.toMatchObject({ code: 'SANDBOX_WAIT_TIMEOUT' })
    expect(process.status).toBe('running')
  })

  it.each(['before', 'later'])(
    'rejects with the reason of an abort %s; the process goes on',
    async (when) => {
      const { agent, process } = await running()
      const abort = new AbortController()
      if (when === 'before') abort.abort('enough')
      const waiting = process.waitForLog('ready', { signal: abort.signal })
      abort.abort('enough')
      expect(await outcomeOf(waiting)).toBe('enough')
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
      expect(vi.getTimerCount()).toBe(PINGER)
      expect(agent.signals).toEqual([])
    },
  )

  it('rejects a bad option by its name', async () => {
    const { process } = await running()
    const refusals: [string, unknown][] = [
      ['timeoutMs', process.waitForLog('x', { timeoutMs: -1 })],
      ['timeoutMs', process.waitForPort(80, { timeoutMs: -1 })],
      ['port', process.waitForPort(0)],
      ['port', process.waitForPort(65_536)],
      ['pattern', callWith(process, 'waitForLog', 5)],
    ]
    for (const [name, refused] of refusals) {
      await expect(refused).rejects.toMatchObject({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.stringContaining(name),
      })
    }
    expect(vi.getTimerCount()).toBe(PINGER)
  })
})

describe('many waits', () => {
  it('are each told, and none is kept', async () => {
    const { agent, process } = await running()
    const found: LogMatch[] = []
    const waitAll = async (each: SandboxProcess) => {
      for (let line = 0; line < 50; line++) found.push(await each.waitForLog(`line ${line};`))
    }
    const waiting = waitAll(process)
    for (let line = 0; line < 50; line++) {
      agent.data(1, Stream.stdout, `line ${line};\n`)
      await flow()
    }
    await waiting
    expect(found.map(({ line }) => line)).toEqual(found.map((_, line) => `line ${line};`))
    const push = vi.spyOn(LogWatch.prototype, 'push')
    agent.data(1, Stream.stdout, 'more')
    await flow()
    expect(push).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(PINGER)
  })
})
