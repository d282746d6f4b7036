import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream } from '../../../src/agent/protocol.js'
import type { ProgramOptions, TextOutput } from '../../../src/index.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import { awaited, eventsOf, flow, leased, outputOf, unhandledIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

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
  const world = await leased()
  return { ...world, handle: world.sandbox.exec('x', options) }
}

async function answer(agent: FakeAgent): Promise<void> {
  await flow()
  agent.data(1, Stream.stdout, 'a')
  agent.data(1, Stream.stderr, 'b')
  agent.done(1)
}

describe('awaiting', () => {
  it('gives the result', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'out')
    agent.data(1, Stream.stderr, 'err')
    agent.done(1)
    expect(await handle).toEqual({ ...EXIT, stdout: 'out', stderr: 'err' })
    expect(await handle).toEqual({ ...EXIT, stdout: 'out', stderr: 'err' })
  })

  it('is as of a promise: then, catch and finally', async () => {
    const { agent, handle } = await start()
    agent.done(1, { exitCode: 3 })
    const order: string[] = []
    expect(await handle.then(({ exitCode }) => exitCode)).toBe(3)
    expect(await handle.catch(() => 'none')).toMatchObject({ exitCode: 3 })
    expect(await handle.finally(() => order.push('over'))).toMatchObject({ exitCode: 3 })
    expect(await Promise.all([handle, handle])).toHaveLength(2)
    expect(order).toEqual(['over'])
  })

  it('gives up after thirty seconds, unless told otherwise', async () => {
    const { agent } = await start()
    vi.advanceTimersByTime(29_999)
    await flow()
    expect(agent.signals).toEqual([])
    elapse(1)
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
  })

  it('allows 1 MiB of output, stdout and stderr together', async () => {
    const { agent, handle } = await start()
    const result = awaited(handle)
    for (let sent = 0; sent < 16; sent++) {
      agent.data(1, sent % 2 === 0 ? Stream.stdout : Stream.stderr, PIECE)
      await flow()
    }
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stderr, '!')
    await flow()
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

  it('may be left out: the program runs, and its end is no error', async () => {
    const { agent, channel } = await start()
    const unhandled = await unhandledIn(async () => {
      vi.advanceTimersToNextTimer()
      await flow()
      expect(agent.kinds).toEqual([Kind.request, Kind.eof])
      agent.exit()
      await flow()
    })
    expect(unhandled).toEqual([])
    await channel.remove()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('iterating', () => {
  it('gives what happens, in its order, and the exit last', async () => {
    const { agent, handle } = await start()
    const { events, over } = eventsOf(handle)
    agent.data(1, Stream.stdout, 'a')
    await flow()
    expect(events).toEqual([{ type: 'stdout', data: 'a' }])
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'c')
    agent.done(1, { exitCode: 3, usage: { cpuMs: 1, maxRssBytes: 2 } })
    await over
    expect(events).toEqual([
      { type: 'stdout', data: 'a' },
      { type: 'stderr', data: 'b' },
      { type: 'stdout', data: 'c' },
      { type: 'exit', ...EXIT, exitCode: 3, usage: { cpuMs: 1, maxRssBytes: 2 } },
    ])
  })

  it('says why the agent could not start it', async () => {
    const { agent, handle } = await start()
    agent.fail(1, 'EAGAIN')
    const { stderr, killedBy } = await handle
    expect(killedBy).toBe('crash')
    expect(stderr).toMatch(/^EAGAIN: .*\n$/)
  })

  it.each([
    ['the container goes', 'crash', ({ agent }) => agent.exit()],
    ['it goes for want of memory', 'oom', ({ agent }) => agent.exit({ oom: true })],
    ['the lease ends', 'abort', ({ sandbox }) => void sandbox.release()],
    ['it takes too long', 'timeout', () => vi.advanceTimersByTime(31_000)],
  ] satisfies [string, string, (world: Awaited<ReturnType<typeof leased>>) => void][])(
    'ends with one exit where %s',
    async (_, killedBy, end) => {
      const { handle, ...world } = await start()
      const { events, over } = eventsOf(handle)
      world.agent.data(1, Stream.stdout, 'so far')
      await flow()
      end(world)
      await over
      expect(events).toEqual([
        { type: 'stdout', data: 'so far' },
        expect.objectContaining({ type: 'exit', exitCode: null, killedBy }),
      ])
    },
  )

  it('a second time is refused, at the same time and later', async () => {
    const { agent, handle } = await start()
    const { over } = eventsOf(handle)
    const refused = { code: 'SANDBOX_INVALID_OPTION' }
    await expect(eventsOf(handle).over).rejects.toMatchObject(refused)
    agent.data(1, Stream.stdout, 'a')
    agent.done(1)
    await over
    await expect(eventsOf(handle).over).rejects.toMatchObject(refused)
    expect(await handle).toMatchObject({ stdout: 'a' })
  })

  it('has no limit of its own, and the result keeps 64 KiB', async () => {
    const { agent, handle } = await start()
    const { events, over } = eventsOf(handle)
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    agent.done(1)
    await over
    expect(outputOf(events, 'stdout')).toHaveLength(3 * 1024 * 1024)
    expect(events.at(-1)).toEqual({ type: 'exit', ...EXIT })
    const { stdout, truncated } = await handle
    expect(truncated).toBe(true)
    expect(stdout).toContain(`\n[${47 * 65_536} bytes left out]\n`)
  })

  it('left early leaves the program running, without a limit; its result is there', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'first')
    for await (const event of handle) {
      expect(event).toEqual({ type: 'stdout', data: 'first' })
      break
    }
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    expect(agent.signals).toEqual([])
    expect(agent.kills).toBe(0)
    agent.done(1)
    expect(await handle).toMatchObject({ exitCode: 0, truncated: true })
  })

  it('left by a throw is the same', async () => {
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

describe('both', () => {
  it('at once, in either order, give it all to both', async () => {
    for (const isFirst of [true, false]) {
      const { agent, handle } = await start()
      const early = isFirst ? awaited(handle) : undefined
      const { events, over } = eventsOf(handle)
      const [result] = await Promise.all([early ?? handle, over, answer(agent)])
      expect(result).toEqual({ ...EXIT, stdout: 'a', stderr: 'b' })
      expect(events).toHaveLength(3)
      expect(events.at(-1)).toEqual({ type: 'exit', ...EXIT })
    }
  })

  it('awaited before, there is no limit once it is iterated', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    const { over } = eventsOf(handle)
    for (let sent = 0; sent < 20; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    agent.done(1)
    await over
    expect(await handle).not.toHaveProperty('killedBy')
  })

  it('iterated late, what is kept comes first', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'a')
    await flow()
    const { events, over } = eventsOf(handle)
    await flow()
    agent.data(1, Stream.stdout, 'c')
    agent.done(1)
    await over
    expect(events.slice(0, 3)).toEqual([
      { type: 'stdout', data: 'a' },
      { type: 'stderr', data: 'b' },
      { type: 'stdout', data: 'c' },
    ])
    expect(await handle).toMatchObject({ stdout: 'ac', stderr: 'b' })
  })

  it('iterated after its end, there is what is kept, and the exit', async () => {
    const { agent, handle } = await start({ maxOutputBytes: 8 })
    const result = awaited(handle)
    await flow()
    agent.data(1, Stream.stdout, 'abcdefghijkl')
    agent.done(1, { signal: 'SIGKILL' })
    const { stdout } = await result
    const { events, over } = eventsOf(handle)
    await over
    expect(events).toEqual([
      { type: 'stdout', data: stdout },
      expect.objectContaining({ type: 'exit', killedBy: 'output', truncated: true }),
    ])
  })

  it('iterated late, nothing comes twice', async () => {
    const { agent, handle } = await start()
    void awaited(handle)
    agent.data(1, Stream.stdout, 'a')
    await flow()
    const events = handle[Symbol.asyncIterator]()
    expect(await events.next()).toMatchObject({ value: { data: 'a' } })
    agent.data(1, Stream.stderr, 'b')
    await flow()
    expect(await events.next()).toMatchObject({ value: { type: 'stderr', data: 'b' } })
    agent.done(1)
    expect(await events.next()).toMatchObject({ value: { type: 'exit' } })
  })

  it('of output that nobody asked for yet, nothing is lost', async () => {
    const { agent, handle } = await start()
    agent.data(1, Stream.stdout, 'early')
    await flow()
    agent.done(1)
    await flow()
    const { events, over } = eventsOf(handle)
    await over
    expect(events.map(({ type }) => type)).toEqual(['stdout', 'exit'])
    expect(await outcomeOf(awaited(handle))).toMatchObject({ stdout: 'early' })
  })
})
