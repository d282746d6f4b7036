import { getEventListeners } from 'node:events'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Channel } from '../../../src/agent/channel.js'
import { Kind, PROTOCOL_VERSION, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import { FakeAgent, flow, openChannel } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'
import { cases } from '../fakes/property.js'

useFakeTime()

const READ = { op: 'read', path: 'x' } as const
const HELLO = { version: PROTOCOL_VERSION, language: 'python' }

describe('the first word', () => {
  const open = (agent: FakeAgent) => {
    const abort = new AbortController()
    return { abort, opening: Channel.open(agent, abort.signal).catch((error: unknown) => error) }
  }

  it('opens the channel, and leaves no listener', async () => {
    const agent = new FakeAgent()
    const { abort, opening } = open(agent)
    agent.sayJson(Kind.hello, 0, HELLO)
    expect(await opening).toBeInstanceOf(Channel)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })

  it('of another version is refused with both versions', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.sayJson(Kind.hello, 0, { ...HELLO, version: 9 })
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining(`version 9, expected ${PROTOCOL_VERSION}`),
    })
    expect(agent.kills).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that never comes because the agent died is told with what it said last', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.exit({ exitCode: 127, stderr: 'python3: not found\n' })
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining('did not start: python3: not found. Use an image'),
    })
  })

  it('that never comes because the agent died in silence is told with its exit code', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.exit({ exitCode: 127 })
    expect(await opening).toMatchObject({
      message: expect.stringContaining('it exited with code 127'),
    })
  })

  it('that is nonsense ends the container', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.stdout.write('Python 3.13 (main)\n>>> ')
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining('it violated the protocol: a frame of'),
    })
    expect(agent.kills).toBeGreaterThan(0)
  })

  it('is not waited for after an abort', async () => {
    const agent = new FakeAgent()
    const { abort, opening } = open(agent)
    abort.abort('closing')
    expect(await opening).toBe('closing')
    expect(agent.kills).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('an agent that breaks the protocol', () => {
  const garbage: [string, (agent: FakeAgent) => void][] = [
    ['sends a frame that is too long', (agent) => agent.say(Kind.data, 1, Buffer.alloc(65_538))],
    ['answers with what is not JSON', (agent) => agent.say(Kind.done, 1, Buffer.from('{'))],
    ['answers with the wrong JSON', (agent) => agent.done(1, { exitCode: 'zero' })],
    ['answers with a cause there is none of', (agent) => agent.done(1, { cause: 'boredom' })],
    ['begins with what is not JSON', (agent) => agent.say(Kind.started, 1, Buffer.from('{'))],
    ['begins with the wrong JSON', (agent) => agent.started(1, { pid: 'seven' })],
    ['begins with half a number', (agent) => agent.started(1, { pid: 1.5 })],
    ['begins what is not open', (agent) => agent.started(7)],
    ['answers with a signal that has no end', (agent) => agent.done(1, { signal: 'S'.repeat(21) })],
    ['answers a request that is not open', (agent) => agent.done(7)],
    ['sends data of a request that is not open', (agent) => agent.data(7, 1, 'x')],
    ['sends a kind there is none of', (agent) => agent.say(99, 1)],
    ["sends a host's kind", (agent) => agent.say(Kind.request, 1)],
    ['sends data with no stream', (agent) => agent.say(Kind.data, 1)],
    ['sends data on stdin', (agent) => agent.data(1, Stream.stdin, 'x')],
    ['sends credit that is cut short', (agent) => agent.say(Kind.credit, 1, Buffer.alloc(2))],
    ['sends credit for what was not sent', (agent) => agent.credit(1, 1)],
    ['says hello in nonsense', (agent) => agent.say(Kind.hello, 0, Buffer.from('hi'))],
    [
      'sends data past its credit',
      (agent) => {
        for (let at = 0; at < WINDOW_BYTES; at += 32_768) agent.data(1, 1, Buffer.alloc(32_768))
        agent.data(1, 1, 'x')
      },
    ],
  ]

  it.each(garbage)(
    'and %s loses its container, and every request settles',
    async (_, misbehave) => {
      const { agent, channel } = await openChannel()
      const taken = vi.fn<(stream: number, bytes: Buffer) => void>()
      const exchanges = [channel.open(READ, taken), channel.open(READ, taken)]
      expect(() => misbehave(agent)).not.toThrow()
      await flow()
      expect(agent.kills).toBe(1)
      const lost = { lost: { exitCode: undefined, oom: false, stderr: '' } }
      for (const exchange of exchanges) expect(await outcomeOf(exchange.outcome)).toEqual(lost)
      expect(await channel.exited).toEqual({ exitCode: 137, oom: false, stderr: '' })
      agent.data(2, 1, 'late')
      await flow()
      expect(taken.mock.calls.filter(([, bytes]) => bytes.toString() === 'late')).toEqual([])
    },
  )

  it('is not listened to any more, even where it cannot be removed', async () => {
    const { agent, channel } = await openChannel()
    const taken = vi.fn<(stream: number, bytes: Buffer) => void>()
    channel.open(READ, taken)
    agent.cannotKill = true
    agent.say(99, 1)
    await flow()
    agent.data(1, Stream.stdout, 'late')
    await flow()
    expect(agent.kills).toBe(1)
    expect(taken).not.toHaveBeenCalled()
  })

  it('never makes the host throw, whatever bytes come', async () => {
    const Bytes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 })
    const Small = fc.tuple(fc.nat(10), fc.nat(3), fc.uint8Array({ maxLength: 8 }))
    await fc.assert(
      fc.asyncProperty(fc.array(Small, { maxLength: 5 }), Bytes, async (frames, chunks) => {
        const { agent, channel } = await openChannel()
        const exchange = channel.open(READ, () => {})
        for (const [kind, id, payload] of frames) agent.say(kind, id, payload)
        for (const chunk of chunks) agent.stdout.write(chunk)
        await flow()
        agent.exit()
        expect(await outcomeOf(exchange.outcome)).toEqual(
          expect.toSatisfy((end: object) => 'lost' in end || 'done' in end),
        )
        await channel.remove()
      }),
      cases(300),
    )
  })
})

describe('a dead-man’s switch', () => {
  it('pings every 2 seconds and gives up after 60 of silence', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    elapse(2000)
    await flow()
    expect(agent.heardOf(Kind.ping)).toHaveLength(1)
    vi.advanceTimersByTime(58_000)
    await flow()
    expect(agent.heardOf(Kind.ping)).toHaveLength(30)
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(2000)
    await flow()
    expect(agent.kills).toBe(1)
    expect(await outcomeOf(exchange.outcome)).toHaveProperty('lost')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is held off by any sign of life', async () => {
    const { agent } = await openChannel()
    for (let round = 0; round < 10; round++) {
      elapse(20_000)
      agent.say(Kind.ping, 0)
      await flow()
    }
    expect(agent.kills).toBe(0)
  })

  it('tells within 4 seconds that the agent does not answer, and that it answers again', async () => {
    const { agent, channel } = await openChannel()
    elapse(2000)
    expect(channel.isResponsive).toBe(true)
    elapse(2000)
    expect(channel.isResponsive).toBe(false)
    agent.say(Kind.ping, 0)
    await flow()
    expect(channel.isResponsive).toBe(true)
  })

  it('is off when the container is gone', async () => {
    const { agent } = await openChannel()
    expect(vi.getTimerCount()).toBe(1)
    agent.exit()
    await flow()
    expect(vi.getTimerCount()).toBe(0)
  })
})
