import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import { awaited, eventsOf, flow, leased, outputOf } from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const MIB = 1024 * 1024

/** Sends as much as there is credit for, as an agent does; says how much that was. */
class Tap {
  sent = 0
  readonly #agent: FakeAgent
  readonly #stream: number

  constructor(agent: FakeAgent, stream: number = Stream.stdout) {
    this.#agent = agent
    this.#stream = stream
  }

  async pour(mostBytes = Number.POSITIVE_INFINITY): Promise<number> {
    const before = this.sent
    for (;;) {
      const credit = WINDOW_BYTES + this.#agent.creditOf(this.#stream) - this.sent
      const size = Math.min(credit, PIECE.length, mostBytes - (this.sent - before))
      if (size === 0) return this.sent - before
      this.#agent.data(1, this.#stream, PIECE.subarray(0, size))
      this.sent += size
      await flow()
    }
  }
}

describe('output that nobody asked for', () => {
  it('is held at the end of the credit, and nothing is paid', async () => {
    const { agent, sandbox } = await leased()
    sandbox.exec('x')
    const taps = [new Tap(agent), new Tap(agent, Stream.stderr)]
    for (const tap of taps) expect(await tap.pour()).toBe(WINDOW_BYTES)
    vi.advanceTimersByTime(20_000)
    await flow()
    expect(agent.heardOf(Kind.credit)).toEqual([])
    expect(agent.signals).toEqual([])
  })

  it('is paid for when the handle is awaited', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const tap = new Tap(agent)
    await tap.pour()
    const result = awaited(handle)
    await flow()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    await tap.pour(MIB - WINDOW_BYTES)
    agent.done(1)
    const { stdout, truncated } = await result
    expect(stdout).toHaveLength(MIB)
    expect(truncated).toBe(false)
  })
})

describe('output that is taken', () => {
  it('is paid for as it is taken, in coins of half a window', async () => {
    const { agent, sandbox } = await leased()
    const events = sandbox.exec('x')[Symbol.asyncIterator]()
    const tap = new Tap(agent)
    await tap.pour()
    const paid: number[] = []
    for (let taken = 0; taken < 4; taken++) {
      await events.next()
      await flow()
      paid.push(agent.creditOf(Stream.stdout))
    }
    expect(paid).toEqual([0, WINDOW_BYTES / 2, WINDOW_BYTES / 2, WINDOW_BYTES])
    expect(agent.heardOf(Kind.credit)).toHaveLength(2)
    expect(await tap.pour()).toBe(WINDOW_BYTES)
  })

  it('of one stream is not paid to the other', async () => {
    const { agent, sandbox } = await leased()
    const { over } = eventsOf(sandbox.exec('x'))
    await new Tap(agent, Stream.stderr).pour(MIB)
    expect(agent.creditOf(Stream.stderr)).toBe(MIB)
    expect(agent.creditOf(Stream.stdout)).toBe(0)
    agent.done(1)
    await over
  })

  it('when the loop is left is paid for at once, with all that comes', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const tap = new Tap(agent)
    await tap.pour()
    for await (const { type } of handle) if (type === 'stdout') break
    await flow()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    expect(await tap.pour(3 * MIB)).toBe(3 * MIB)
  })
})

describe('a program that is killed', () => {
  it.each(['held', 'taken'] as const)('ends although nobody takes its rest: %s', async (way) => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const events = handle[Symbol.asyncIterator]()
    const taps = [new Tap(agent), new Tap(agent, Stream.stderr)]
    if (way === 'taken') {
      const first = events.next()
      agent.data(1, Stream.stderr, '')
      await taps[0]?.pour(1)
      await first
    }
    for (const tap of taps) await tap.pour()
    handle.kill()
    await flow()
    for (const tap of taps) expect(await tap.pour(MIB)).toBe(MIB)
    expect(agent.kills).toBe(0)
    agent.done(1, { signal: 'SIGKILL' })
    const seen = way === 'taken' ? ['x'] : []
    for await (const event of { [Symbol.asyncIterator]: () => events }) {
      if (event.type === 'exit') seen.push(`${event.killedBy} ${event.truncated}`)
      else if (event.type !== 'result') seen.push(event.data)
    }
    expect(seen.pop()).toBe('abort false')
    expect(seen.join('')).toHaveLength(taps.reduce((sum, { sent }) => sum + sent, 0))
  })

  it('is paid for once, although what came before is taken after', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const tap = new Tap(agent)
    await tap.pour()
    const { over } = eventsOf(handle)
    handle.kill()
    await flow()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    agent.done(1, { signal: 'SIGKILL' })
    await over
  })

  it('does not fill the memory of the host: the rest is cut, and the exit says so', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const tap = new Tap(agent)
    await tap.pour()
    handle.kill()
    await flow()
    await tap.pour(4 * MIB)
    agent.done(1, { signal: 'SIGKILL' })
    const { events, over } = eventsOf(handle)
    await over
    expect(outputOf(events, 'stdout')).toHaveLength(3 * MIB + WINDOW_BYTES)
    expect(events.at(-1)).toMatchObject({ killedBy: 'abort', truncated: true })
  })
})

describe('maxOutputBytes', () => {
  it('of a loop is exactly what it gets', async () => {
    const { agent, sandbox } = await leased()
    const { events, over } = eventsOf(sandbox.exec('x', { maxOutputBytes: 10 }))
    agent.data(1, Stream.stdout, 'abcdef')
    agent.data(1, Stream.stderr, 'ghij')
    await flow()
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stdout, 'k')
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    await new Tap(agent, Stream.stderr).pour(MIB)
    agent.done(1, { signal: 'SIGKILL' })
    await over
    expect(events).toEqual([
      { type: 'stdout', data: 'abcdef' },
      { type: 'stderr', data: 'ghij' },
      expect.objectContaining({ type: 'exit', killedBy: 'output', truncated: true }),
    ])
  })

  it('cuts a piece where the limit is', async () => {
    const { agent, sandbox } = await leased()
    const { events, over } = eventsOf(sandbox.exec('x', { maxOutputBytes: 10 }))
    agent.data(1, Stream.stdout, 'abcdefghijklmnop')
    agent.done(1)
    await over
    expect(events).toMatchObject([
      { data: 'abcdefghij' },
      { exitCode: 0, killedBy: 'output', truncated: true },
    ])
  })

  it('of callbacks is the same', async () => {
    const { agent, sandbox } = await leased()
    const seen: string[] = []
    const onStdout = (text: string) => seen.push(text)
    const result = awaited(sandbox.exec('x', { maxOutputBytes: 4, onStdout }))
    await flow()
    agent.data(1, Stream.stdout, 'abc')
    agent.data(1, Stream.stdout, 'def')
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({ killedBy: 'output', truncated: true })
    expect(seen.join('')).toBe('abcd')
  })

  it('of a loop that begins late is what it gets in all', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x', { maxOutputBytes: 10 })
    void awaited(handle)
    await flow()
    agent.data(1, Stream.stdout, 'abcdef')
    await flow()
    const { events, over } = eventsOf(handle)
    agent.data(1, Stream.stdout, 'ghijklmnop')
    agent.done(1, { signal: 'SIGKILL' })
    await over
    expect(outputOf(events, 'stdout')).toBe('abcdefghij')
    expect(events.at(-1)).toMatchObject({ killedBy: 'output', truncated: true })
  })

  it('holds for output that nobody asked for', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x', { maxOutputBytes: 10 })
    agent.data(1, Stream.stdout, 'abcdefghijk')
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await handle).toMatchObject({ killedBy: 'output', truncated: true })
  })
})
