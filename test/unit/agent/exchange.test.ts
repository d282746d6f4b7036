import { describe, expect, it } from 'vitest'
import { Kind, MAX_REQUEST_BYTES, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import { flushStreams, openChannel } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const READ = { op: 'read', path: 'x' } as const

describe('an exchange', () => {
  it('sends a request with a new id, and gets the frames with this id', async () => {
    const { agent, channel } = await openChannel()
    const seen: string[] = []
    const first = channel.open(READ, (stream, bytes) =>
      seen.push(`1:${stream}:${bytes.toString()}`),
    )
    const second = channel.open(READ, (stream, bytes) =>
      seen.push(`2:${stream}:${bytes.toString()}`),
    )
    await flushStreams()
    const requests = agent.receivedOf(Kind.request)
    expect(requests.map(({ id }) => id)).toEqual([1, 2])
    expect(JSON.parse(requests[0]?.payload.toString() ?? '')).toEqual(READ)
    agent.data(2, Stream.stdout, 'b')
    agent.data(1, Stream.stderr, 'a')
    agent.done(2, { exitCode: 3, signal: null, usage: { cpuMs: 1, maxRssBytes: null } })
    await flushStreams()
    expect(seen).toEqual(['2:1:b', '1:2:a'])
    expect(await second.outcome).toMatchObject({ done: { exitCode: 3 } })
    expect(await outcomeOf(first.outcome)).toBe('pending')
  })

  it('refuses a request that is too long before it sends it, and does not echo its code', async () => {
    const { agent, channel } = await openChannel()
    const code = 'x'.repeat(MAX_REQUEST_BYTES)
    const environment = { cwd: undefined, env: undefined, args: undefined }
    expect(() => channel.open({ op: 'run', code, ...environment }, () => {})).toThrow(
      expect.objectContaining({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.not.stringContaining('xxx'),
      }),
    )
    await flushStreams()
    expect(agent.received).toEqual([])
  })

  it('is lost when the container exits, even if it opens later', async () => {
    const { agent, channel } = await openChannel()
    const open = channel.open(READ, () => {})
    agent.exit({ oom: true })
    const lost = { lost: { exitCode: 137, oom: true, stderr: '' } }
    expect(await outcomeOf(open.outcome)).toEqual(lost)
    expect(await outcomeOf(channel.open(READ, () => {}).outcome)).toEqual(lost)
  })

  it('sends nothing after its end', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    agent.done(1)
    await exchange.outcome
    exchange.signal('SIGKILL')
    exchange.end()
    await exchange.write(Buffer.from('late'))
    exchange.consumed(Stream.stdout, WINDOW_BYTES)
    await flushStreams()
    expect(agent.received.map(({ kind }) => kind)).toEqual([Kind.request])
  })
})

describe('the start of a request', () => {
  it('resolves `started`, and does not end the exchange', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    expect(await outcomeOf(exchange.started)).toBe('pending')
    const about = { size: 3, mtimeMs: -1.5, mode: 0o644 }
    agent.started(1, about)
    expect(await outcomeOf(exchange.started)).toEqual(about)
    expect(exchange.isOver).toBe(false)
    expect(await outcomeOf(exchange.outcome)).toBe('pending')
  })

  it.each(['answer', 'exit'] as const)('is undefined if the %s comes first', async (end) => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    if (end === 'answer') agent.done(1)
    else agent.exit()
    expect(await outcomeOf(exchange.started)).toBeUndefined()
    expect(exchange.isOver).toBe(true)
  })
})

describe('the signals of an exchange', () => {
  it('are sent by their names', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.signal('SIGTERM')
    exchange.signal('SIGKILL')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGTERM', 'SIGKILL'])
  })
})

describe('the stdin of an exchange', () => {
  it('is sent in pieces, and waits for credit', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    const bytes = Buffer.alloc(WINDOW_BYTES + 10, 'i')
    const written = exchange.write(bytes)
    await flushStreams()
    const sent = () =>
      agent.receivedOf(Kind.data).reduce((sum, { payload }) => sum + payload.length - 1, 0)
    expect(sent()).toBe(WINDOW_BYTES)
    expect(agent.receivedOf(Kind.data).every(({ payload }) => payload.length <= 65_537)).toBe(true)
    expect(await outcomeOf(written)).toBe('pending')
    agent.credit(1, 4)
    await flushStreams()
    expect(sent()).toBe(WINDOW_BYTES + 4)
    expect(await outcomeOf(written)).toBe('pending')
    agent.credit(1, 100)
    await flushStreams()
    expect(sent()).toBe(WINDOW_BYTES + 10)
    await written
  })

  it.each(['answer', 'exit'] as const)('stops waiting for credit at the %s', async (end) => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    const written = exchange.write(Buffer.alloc(WINDOW_BYTES * 2))
    await flushStreams()
    if (end === 'answer') agent.done(1)
    else agent.exit()
    await flushStreams()
    expect(await outcomeOf(written)).toBeUndefined()
  })
})

describe('the credit of an exchange', () => {
  it('is granted in halves of the window, and not at all for short output', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.consumed(Stream.stdout, WINDOW_BYTES / 2 - 1)
    exchange.consumed(Stream.stderr, WINDOW_BYTES / 2 - 1)
    await flushStreams()
    expect(agent.receivedOf(Kind.credit)).toEqual([])
    exchange.consumed(Stream.stdout, 1)
    await flushStreams()
    const [credit, ...more] = agent.receivedOf(Kind.credit)
    expect(more).toEqual([])
    expect(credit?.payload.toString('hex')).toBe('0100020000')
  })

  it('lets a stream continue without an end', async () => {
    const { agent, channel } = await openChannel()
    let received = 0
    const exchange = channel.open(READ, (stream, bytes) => {
      received += bytes.length
      exchange.consumed(stream, bytes.length)
    })
    const piece = Buffer.alloc(65_536)
    for (let round = 0; round < 64; round++) {
      agent.data(1, Stream.stdout, piece)
      await flushStreams()
    }
    expect(received).toBe(64 * 65_536)
    expect(agent.receivedOf(Kind.credit)).toHaveLength(32)
    expect(agent.kills).toBe(0)
  })

  it('does not count for another stream', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.consumed(Stream.stdout, WINDOW_BYTES)
    for (let sent = 0; sent < WINDOW_BYTES; sent += 32_768) {
      agent.data(1, Stream.stderr, Buffer.alloc(32_768))
    }
    await flushStreams()
    expect(agent.kills).toBe(0)
    agent.data(1, Stream.stderr, 'x')
    await flushStreams()
    expect(agent.kills).toBe(1)
  })
})
