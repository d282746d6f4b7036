import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ProgramOptions, TextOutput } from '../../../src/index.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import {
  awaited,
  collectEvents,
  flushStreams,
  leaseSandbox,
  outputOf,
  unhandledRejectionsIn,
} from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const EXIT = {
  exitCode: 0,
  signal: null,
  durationMs: expect.any(Number),
  usage: undefined,
  truncated: false,
}
const PIECE = Buffer.alloc(65_536, 'x')

async function start(options: ProgramOptions & TextOutput = {}) {
  const fixture = await leaseSandbox()
  return { ...fixture, handle: fixture.sandbox.exec('x', options) }
}

async function sendOutput(agent: FakeAgent): Promise<void> {
  await flushStreams()
  agent.data(1, Stream.stdout, 'a')
  agent.data(1, Stream.stderr, 'b')
  agent.done(1)
}

describe('awaiting a handle', () => {
  it('returns the result', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    agent.done(1)
    expect(await handle).toEqual({ ...EXIT, stdout: 'out', stderr: 'err' })
    expect(await handle).toEqual({ ...EXIT, stdout: 'out', stderr: 'err' })
  })

  it('works with then(), catch(), finally() and Promise.all()', async () => {
    const { agent, handle } = await start()
    agent.done(1, { exitCode: 3 })
    const order: string[] = []
    expect(await handle.then(({ exitCode }) => exitCode)).toBe(3)
    expect(await handle.catch(() => 'none')).toMatchObject({ exitCode: 3 })
    expect(await handle.finally(() => order.push('over'))).toMatchObject({ exitCode: 3 })
    expect(await Promise.all([handle, handle])).toHaveLength(2)
    expect(order).toEqual(['over'])
  })

  it('kills the program after thirty seconds by default', async () => {
    const { agent } = await start()
    vi.advanceTimersByTime(29_999)
    await flushStreams()
    expect(agent.signals).toEqual([])
    advanceTime(1)
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
  })

  it('allows 1 MiB of output, stdout and stderr together', async () => {
    const { agent, handle } = await start()
    const result = awaited(handle)
    for (let sent = 0; sent < 16; sent++) {
      agent.data(1, sent % 2 === 0 ? Stream.stdout : Stream.stderr, PIECE)
      await flushStreams()
    }
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stderr, '!')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({ killedBy: 'output', truncated: false })
  })

  it('leaves no timer and no listener', async () => {
    const { signal } = new AbortController()
    const { agent, channel, handle } = await start({ signal })
    agent.done(1)
    await handle
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await channel.remove()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('returns the reason in stderr if the agent cannot start the program', async () => {
    const { agent, handle } = await start()
    agent.fail(1, 'EAGAIN')
    const { stderr, killedBy } = await handle
    expect(killedBy).toBe('crash')
    expect(stderr).toMatch(/^EAGAIN: .*\n$/)
  })

  it('is optional: the program runs, and its end causes no unhandled rejection', async () => {
    const { agent, channel } = await start()
    const unhandled = await unhandledRejectionsIn(async () => {
      vi.advanceTimersToNextTimer()
      await flushStreams()
      expect(agent.kinds).toEqual([Kind.request, Kind.eof])
      agent.exit()
      await flushStreams()
    })
    expect(unhandled).toEqual([])
    await channel.remove()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('iterating over a handle', () => {
  it('returns the events in order, and the exit event last', async () => {
    const { agent, handle } = await start()
    const { events, loopEnd } = collectEvents(handle)
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    expect(events).toEqual([{ type: 'stdout', data: 'a' }])
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'c')
    agent.done(1, { exitCode: 3, usage: { cpuMs: 1, maxRssBytes: 2 } })
    await loopEnd
    expect(events).toEqual([
      { type: 'stdout', data: 'a' },
      { type: 'stderr', data: 'b' },
      { type: 'stdout', data: 'c' },
      { type: 'exit', ...EXIT, exitCode: 3, usage: { cpuMs: 1, maxRssBytes: 2 } },
    ])
  })

  it.each([
    ['the container exits', 'crash', ({ agent }) => agent.exit()],
    ['the container exits after an OOM', 'oom', ({ agent }) => agent.exit({ oom: true })],
    ['the lease ends', 'abort', ({ sandbox }) => void sandbox.release()],
    ['the time limit is over', 'timeout', () => vi.advanceTimersByTime(31_000)],
  ] satisfies [string, string, (fixture: Awaited<ReturnType<typeof leaseSandbox>>) => void][])(
    'ends with one exit event if %s',
    async (_, killedBy, end) => {
      const { handle, ...fixture } = await start()
      const { events, loopEnd } = collectEvents(handle)
      fixture.agent.data(1, Stream.stdout, 'so far')
      await flushStreams()
      end(fixture)
      await loopEnd
      expect(events).toEqual([
        { type: 'stdout', data: 'so far' },
        expect.objectContaining({ type: 'exit', exitCode: null, killedBy }),
      ])
    },
  )

  it('is refused a second time, at the same time and later', async () => {
    const { agent, handle } = await start()
    const { loopEnd } = collectEvents(handle)
    const refused = { code: 'SANDBOX_INVALID_OPTION' }
    await expect(collectEvents(handle).loopEnd).rejects.toMatchObject(refused)
    agent.data(1, Stream.stdout, 'a')
    agent.done(1)
    await loopEnd
    await expect(collectEvents(handle).loopEnd).rejects.toMatchObject(refused)
    expect(await handle).toMatchObject({ stdout: 'a' })
  })

  it('has no limit of output, while the result keeps 64 KiB', async () => {
    const { agent, handle } = await start()
    const { events, loopEnd } = collectEvents(handle)
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    agent.done(1)
    await loopEnd
    expect(outputOf(events, 'stdout')).toHaveLength(3 * 1024 * 1024)
    expect(events.at(-1)).toEqual({ type: 'exit', ...EXIT })
    const { stdout, truncated } = await handle
    expect(truncated).toBe(true)
    expect(stdout).toContain(`\n[${47 * 65_536} bytes left out]\n`)
  })

  it('leaves the program running without a limit after a break', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'first')
    for await (const event of handle) {
      expect(event).toEqual({ type: 'stdout', data: 'first' })
      break
    }
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    expect(agent.signals).toEqual([])
    expect(agent.kills).toBe(0)
    agent.done(1)
    expect(await handle).toMatchObject({ exitCode: 0, truncated: true })
  })

  it('leaves the program running after a throw in the loop', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'first')
    const loop = async () => {
      for await (const event of handle) throw new Error(event.type)
    }
    await expect(loop()).rejects.toThrow('stdout')
    agent.done(1)
    expect(await handle).toMatchObject({ stdout: 'first' })
  })
})

describe('a handle that is awaited and iterated over', () => {
  it('returns all output to both, in either order', async () => {
    for (const isAwaitedFirst of [true, false]) {
      const { agent, handle } = await start()
      const early = isAwaitedFirst ? awaited(handle) : undefined
      const { events, loopEnd } = collectEvents(handle)
      const [result] = await Promise.all([early ?? handle, loopEnd, sendOutput(agent)])
      expect(result).toEqual({ ...EXIT, stdout: 'a', stderr: 'b' })
      expect(events).toHaveLength(3)
      expect(events.at(-1)).toEqual({ type: 'exit', ...EXIT })
    }
  })

  it('has no limit of output after a loop begins', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    const { loopEnd } = collectEvents(handle)
    for (let sent = 0; sent < 20; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    agent.done(1)
    await loopEnd
    expect(await handle).not.toHaveProperty('killedBy')
  })

  it('returns the kept output first to a late loop', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    const { events, loopEnd } = collectEvents(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, 'c')
    agent.done(1)
    await loopEnd
    expect(events.slice(0, 3)).toEqual([
      { type: 'stdout', data: 'a' },
      { type: 'stderr', data: 'b' },
      { type: 'stdout', data: 'c' },
    ])
    expect(await handle).toMatchObject({ stdout: 'ac', stderr: 'b' })
  })

  it('returns the kept output and the exit event to a loop after its end', async () => {
    const { agent, handle } = await start({ maxOutputBytes: 8 })
    const result = awaited(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, 'abcdefghijkl')
    agent.done(1, { signal: 'SIGKILL' })
    const { stdout } = await result
    const { events, loopEnd } = collectEvents(handle)
    await loopEnd
    expect(events).toEqual([
      { type: 'stdout', data: stdout },
      expect.objectContaining({ type: 'exit', killedBy: 'output', truncated: true }),
    ])
  })

  it('returns no output twice to a late loop', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    const events = handle[Symbol.asyncIterator]()
    expect(await events.next()).toMatchObject({ value: { data: 'a' } })
    agent.data(1, Stream.stderr, 'b')
    await flushStreams()
    expect(await events.next()).toMatchObject({ value: { type: 'stderr', data: 'b' } })
    agent.done(1)
    expect(await events.next()).toMatchObject({ value: { type: 'exit' } })
  })

  it('returns all output that came before it was used', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'early')
    await flushStreams()
    agent.done(1)
    await flushStreams()
    const { events, loopEnd } = collectEvents(handle)
    await loopEnd
    expect(events.map(({ type }) => type)).toEqual(['stdout', 'exit'])
    expect(await outcomeOf(awaited(handle))).toMatchObject({ stdout: 'early' })
  })
})
