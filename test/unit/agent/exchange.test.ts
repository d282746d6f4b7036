import { describe, expect, it } from 'vitest'
import { Kind, MAX_REQUEST_BYTES, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import { flow, openChannel } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const READ = { op: 'read', path: 'x' } as const

describe('a request', () => {
  it('is sent with an id of its own, and answered by it', async () => {
    const { agent, channel } = await openChannel()
    const seen: string[] = []
    const first = channel.open(READ, (stream, bytes) =>
      seen.push(`1:${stream}:${bytes.toString()}`),
    )
    const second = channel.open(READ, (stream, bytes) =>
      seen.push(`2:${stream}:${bytes.toString()}`),
    )
    await flow()
    const requests = agent.heardOf(Kind.request)
    expect(requests.map(({ id }) => id)).toEqual([1, 2])
    expect(JSON.parse(requests[0]?.payload.toString() ?? '')).toEqual(READ)
    agent.data(2, Stream.stdout, 'b')
    agent.data(1, Stream.stderr, 'a')
    agent.done(2, { exitCode: 3, signal: null, usage: { cpuMs: 1, maxRssBytes: null } })
    await flow()
    expect(seen).toEqual(['2:1:b', '1:2:a'])
    expect(await second.outcome).toMatchObject({ done: { exitCode: 3 } })
    expect(await outcomeOf(first.outcome)).toBe('pending')
  })

  it('that is too long is refused before it is sent, without its code', async () => {
    const { agent, channel } = await openChannel()
    const code = 'x'.repeat(MAX_REQUEST_BYTES)
    const surroundings = { cwd: undefined, env: undefined, args: undefined }
    expect(() => channel.open({ op: 'run', code, ...surroundings }, () => {})).toThrow(
      expect.objectContaining({
        code: 'SANDBOX_INVALID_OPTION',
        message: expect.not.stringContaining('xxx'),
      }),
    )
    await flow()
    expect(agent.heard).toEqual([])
  })

  it('is lost when the container exits, as is every later one', async () => {
    const { agent, channel } = await openChannel()
    const open = channel.open(READ, () => {})
    agent.exit({ oom: true })
    const lost = { lost: { exitCode: 137, oom: true, stderr: '' } }
    expect(await outcomeOf(open.outcome)).toEqual(lost)
    expect(await outcomeOf(channel.open(READ, () => {}).outcome)).toEqual(lost)
  })

  it('that is over sends nothing more', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    agent.done(1)
    await exchange.outcome
    exchange.signal('SIGKILL')
    exchange.end()
    await exchange.write(Buffer.from('late'))
    exchange.consumed(Stream.stdout, WINDOW_BYTES)
    await flow()
    expect(agent.heard.map(({ kind }) => kind)).toEqual([Kind.request])
  })
})

describe('the beginning', () => {
  it('is told once, and is not its end', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    expect(await outcomeOf(exchange.started)).toBe('pending')
    const about = { size: 3, mtimeMs: -1.5, mode: 0o644 }
    agent.started(1, about)
    agent.started(1, { pid: 7 })
    expect(await outcomeOf(exchange.started)).toEqual(about)
    expect(exchange.isOver).toBe(false)
    expect(await outcomeOf(exchange.outcome)).toBe('pending')
  })

  it.each(['answer', 'exit'] as const)('that never came is none at the %s', async (end) => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    if (end === 'answer') agent.done(1)
    else agent.exit()
    expect(await outcomeOf(exchange.started)).toBeUndefined()
    expect(exchange.isOver).toBe(true)
  })
})

describe('signals', () => {
  it('are sent by their names', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.signal('SIGTERM')
    exchange.signal('SIGKILL')
    await flow()
    expect(agent.signals).toEqual(['SIGTERM', 'SIGKILL'])
  })
})

describe('stdin', () => {
  it('is sent in pieces, and waits for credit', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    const bytes = Buffer.alloc(WINDOW_BYTES + 10, 'i')
    const written = exchange.write(bytes)
    await flow()
    const sent = () =>
      agent.heardOf(Kind.data).reduce((sum, { payload }) => sum + payload.length - 1, 0)
    expect(sent()).toBe(WINDOW_BYTES)
    expect(agent.heardOf(Kind.data).every(({ payload }) => payload.length <= 65_537)).toBe(true)
    expect(await outcomeOf(written)).toBe('pending')
    agent.credit(1, 4)
    await flow()
    expect(sent()).toBe(WINDOW_BYTES + 4)
    expect(await outcomeOf(written)).toBe('pending')
    agent.credit(1, 100)
    await flow()
    expect(sent()).toBe(WINDOW_BYTES + 10)
    await written
  })

  it.each(['answer', 'exit'] as const)('stops waiting for credit at the %s', async (end) => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    const written = exchange.write(Buffer.alloc(WINDOW_BYTES * 2))
    await flow()
    if (end === 'answer') agent.done(1)
    else agent.exit()
    await flow()
    expect(await outcomeOf(written)).toBeUndefined()
  })
})

describe('credit', () => {
  it('is paid by halves of the window, and none for a short run', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.consumed(Stream.stdout, WINDOW_BYTES / 2 - 1)
    exchange.consumed(Stream.stderr, WINDOW_BYTES / 2 - 1)
    await flow()
    expect(agent.heardOf(Kind.credit)).toEqual([])
    exchange.consumed(Stream.stdout, 1)
    await flow()
    const [paid, ...more] = agent.heardOf(Kind.credit)
    expect(more).toEqual([])
    expect(paid?.payload.toString('hex')).toBe('0100020000')
  })

  it('lets a stream go on for ever', async () => {
    const { agent, channel } = await openChannel()
    let taken = 0
    const exchange = channel.open(READ, (stream, bytes) => {
      taken += bytes.length
      exchange.consumed(stream, bytes.length)
    })
    const piece = Buffer.alloc(65_536)
    for (let round = 0; round < 64; round++) {
      agent.data(1, Stream.stdout, piece)
      await flow()
    }
    expect(taken).toBe(64 * 65_536)
    expect(agent.heardOf(Kind.credit)).toHaveLength(32)
    expect(agent.kills).toBe(0)
  })

  it('of one stream does not givesCredit for another', async () => {
    const { agent, channel } = await openChannel()
    const exchange = channel.open(READ, () => {})
    exchange.consumed(Stream.stdout, WINDOW_BYTES)
    for (let sent = 0; sent < WINDOW_BYTES; sent += 32_768) {
      agent.data(1, Stream.stderr, Buffer.alloc(32_768))
    }
    await flow()
    expect(agent.kills).toBe(0)
    agent.data(1, Stream.stderr, 'x')
    await flow()
    expect(agent.kills).toBe(1)
  })
})
