import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { Channel } from '../../../src/agent/channel.js'
import { Kind, PROTOCOL_VERSION, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import { FakeAgent, flushStreams, openChannel } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const READ = { op: 'read', path: 'x' } as const
const HELLO = { version: PROTOCOL_VERSION, language: 'python' }

describe('Channel.open()', () => {
  const open = (agent: FakeAgent) => {
    const abort = new AbortController()
    return { abort, opening: Channel.open(agent, abort.signal).catch((error: unknown) => error) }
  }

  it('resolves after hello, and leaves no listener', async () => {
    const agent = new FakeAgent()
    const { abort, opening } = open(agent)
    agent.sendJson(Kind.hello, 0, HELLO)
    expect(await opening).toBeInstanceOf(Channel)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  })

  it('rejects another version of the protocol, and names both versions', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.sendJson(Kind.hello, 0, { ...HELLO, version: 9 })
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining(`version 9, expected ${PROTOCOL_VERSION}`),
    })
    expect(agent.kills).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    [
      'the stderr of the agent',
      { stderr: 'python3: not found\n' },
      'did not start: python3: not found. Use an image',
    ],
    ['the exit code if there is no stderr', {}, 'it exited with code 127'],
  ])('rejects with %s if the container exits before hello', async (_, exit, part) => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.exit({ exitCode: 127, ...exit })
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining(part),
    })
  })

  it('kills the container if its output is not a frame', async () => {
    const agent = new FakeAgent()
    const { opening } = open(agent)
    agent.stdout.write('Python 3.13 (main)\n>>> ')
    expect(await opening).toMatchObject({
      code: 'SANDBOX_AGENT_FAILED',
      message: expect.stringContaining('it violated the protocol: a frame of'),
    })
    expect(agent.kills).toBeGreaterThan(0)
  })

  it.each([0, 1024 * 1024 + 1])(
    'kills the container if it sends a code cache of %i bytes',
    async (size) => {
      const agent = new FakeAgent()
      const { opening } = open(agent)
      for (let left = size; left >= 0; left -= 65_536) {
        agent.send(Kind.codeCache, 0, Buffer.alloc(Math.min(65_536, left)))
      }
      expect(await opening).toMatchObject({
        message: expect.stringContaining('it violated the protocol: a code cache of'),
      })
    },
  )

  it('rejects with the reason of an abort, and kills the container', async () => {
    const agent = new FakeAgent()
    const { abort, opening } = open(agent)
    abort.abort('closing')
    expect(await opening).toBe('closing')
    expect(agent.kills).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('an agent that breaks the protocol', () => {
  const violations: [string, (agent: FakeAgent) => void][] = [
    ['sends a frame that is too long', (agent) => agent.send(Kind.data, 1, Buffer.alloc(65_538))],
    ['sends a done frame that is not JSON', (agent) => agent.send(Kind.done, 1, Buffer.from('{'))],
    [
      'sends a done frame with an exit code that is not a number',
      (agent) => agent.done(1, { exitCode: 'zero' }),
    ],
    ['sends a done frame with an unknown cause', (agent) => agent.done(1, { cause: 'boredom' })],
    [
      'sends a started frame that is not JSON',
      (agent) => agent.send(Kind.started, 1, Buffer.from('{')),
    ],
    [
      'sends a started frame with a pid that is not a number',
      (agent) => agent.started(1, { pid: 'seven' }),
    ],
    [
      'sends a started frame with a pid that is not an integer',
      (agent) => agent.started(1, { pid: 1.5 }),
    ],
    ['sends a started frame of a request that is not open', (agent) => agent.started(7)],
    [
      'sends a done frame with a signal name that is too long',
      (agent) => agent.done(1, { signal: 'S'.repeat(21) }),
    ],
    ['sends a done frame of a request that is not open', (agent) => agent.done(7)],
    ['sends data of a request that is not open', (agent) => agent.data(7, 1, 'x')],
    ['sends a frame of an unknown kind', (agent) => agent.send(99, 1)],
    ['sends a frame that only the host may send', (agent) => agent.send(Kind.request, 1)],
    ['sends a ping that the host did not send', (agent) => agent.send(Kind.ping, 0)],
    ['sends a second hello', (agent) => agent.sendJson(Kind.hello, 0, HELLO)],
    ['sends a code cache after hello', (agent) => agent.send(Kind.codeCache, 0, Buffer.from('x'))],
    [
      'sends a second started frame',
      (agent) => {
        agent.started(1, { pid: 7 })
        agent.started(1, { pid: 7 })
      },
    ],
    ['sends data of no bytes', (agent) => agent.data(1, Stream.stdout, '')],
    ['sends credit of no bytes', (agent) => agent.credit(1, 0)],
    [
      'sends credit for stdout',
      (agent) => agent.send(Kind.credit, 1, Uint8Array.of(Stream.stdout, 0, 0, 0, 1)),
    ],
    ['sends data without a stream number', (agent) => agent.send(Kind.data, 1)],
    ['sends data on stdin', (agent) => agent.data(1, Stream.stdin, 'x')],
    ['sends credit that is cut short', (agent) => agent.send(Kind.credit, 1, Buffer.alloc(2))],
    ['sends credit for bytes that were not sent', (agent) => agent.credit(1, 1)],
    [
      'sends a hello frame that is not JSON',
      (agent) => agent.send(Kind.hello, 0, Buffer.from('hi')),
    ],
    [
      'sends data beyond its credit',
      (agent) => {
        for (let at = 0; at < WINDOW_BYTES; at += 32_768) agent.data(1, 1, Buffer.alloc(32_768))
        agent.data(1, 1, 'x')
      },
    ],
  ]

  it.each(violations)(
    'has its container killed and all requests settled if it %s',
    async (_, violate) => {
      const { agent, channel } = await openChannel()
      const onData = vi.fn<(stream: number, bytes: Buffer) => void>()
      const exchanges = [channel.open(READ, onData), channel.open(READ, onData)]
      expect(() => violate(agent)).not.toThrow()
      await flushStreams()
      expect(agent.kills).toBe(1)
      const lost = { lost: { exitCode: undefined, oom: false, stderr: '' } }
      for (const exchange of exchanges) expect(await outcomeOf(exchange.outcome)).toEqual(lost)
      expect(await channel.exited).toEqual({ exitCode: 137, oom: false, stderr: '' })
      agent.data(2, 1, 'late')
      await flushStreams()
      expect(onData.mock.calls.filter(([, bytes]) => bytes.toString() === 'late')).toEqual([])
    },
  )

  it('is ignored from then on, although its container cannot be removed', async () => {
    const { agent, channel } = await openChannel()
    const onData = vi.fn<(stream: number, bytes: Buffer) => void>()
    channel.open(READ, onData)
    agent.cannotKill = true
    agent.send(99, 1)
    await flushStreams()
    agent.data(1, Stream.stdout, 'late')
    await flushStreams()
    expect(agent.kills).toBe(1)
    expect(onData).not.toHaveBeenCalled()
  })
})

describe('the pings of a channel', () => {
  it('are sent every 2 seconds, and the container is killed after 60 seconds without a frame', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    advanceTime(2000)
    await flushStreams()
    expect(agent.receivedOf(Kind.ping)).toHaveLength(1)
    vi.advanceTimersByTime(58_000)
    await flushStreams()
    expect(agent.receivedOf(Kind.ping)).toHaveLength(30)
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(2000)
    await flushStreams()
    expect(agent.kills).toBe(1)
    expect(await outcomeOf(exchange.outcome)).toHaveProperty('lost')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ask the engine while no frame comes, and the container is killed when the engine says so', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    agent.isLost = (silentMs) => silentMs >= 10_000
    for (let passed = 0; passed < 10_000; passed += 2000) advanceTime(2000)
    await flushStreams()
    expect(agent.kills).toBe(0)
    vi.advanceTimersByTime(2000)
    await flushStreams()
    expect(agent.kills).toBe(1)
    expect(await outcomeOf(exchange.outcome)).toHaveProperty('lost')
  })

  it('do not kill the container if any frame comes', async () => {
    const { agent } = await openChannel()
    for (let round = 0; round < 10; round++) {
      advanceTime(20_000)
      agent.send(Kind.ping, 0)
      await flushStreams()
    }
    expect(agent.kills).toBe(0)
  })

  it('set isResponsive to false after 4 seconds without a frame, and to true after a frame', async () => {
    const { agent, channel } = await openChannel()
    advanceTime(2000)
    expect(channel.isResponsive).toBe(true)
    advanceTime(2000)
    expect(channel.isResponsive).toBe(false)
    agent.send(Kind.ping, 0)
    await flushStreams()
    expect(channel.isResponsive).toBe(true)
  })

  it('stop when the container exits', async () => {
    const { agent } = await openChannel()
    expect(vi.getTimerCount()).toBe(1)
    agent.exit()
    await flushStreams()
    expect(vi.getTimerCount()).toBe(0)
  })
})
