import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import {
  awaited,
  collectEvents,
  flushStreams,
  leaseSandbox,
  outputOf,
} from '../fakes/fake-agent.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const MIB = 1024 * 1024

/** Sends output up to the credit of a stream, as an agent does. */
class OutputSource {
  sent = 0
  readonly #agent: FakeAgent
  readonly #stream: number

  constructor(agent: FakeAgent, stream: number = Stream.stdout) {
    this.#agent = agent
    this.#stream = stream
  }

  /** Sends at most this many bytes, and returns how many it has sent. */
  async send(maxBytes = Number.POSITIVE_INFINITY): Promise<number> {
    const before = this.sent
    for (;;) {
      const credit = WINDOW_BYTES + this.#agent.creditOf(this.#stream) - this.sent
      const size = Math.min(credit, PIECE.length, maxBytes - (this.sent - before))
      if (size === 0) return this.sent - before
      this.#agent.data(1, this.#stream, PIECE.subarray(0, size))
      this.sent += size
      await flushStreams()
    }
  }
}

describe('output of a handle that is not used', () => {
  it('stops at the end of the credit, and gets no further credit', async () => {
    const { agent, sandbox } = await leaseSandbox()
    sandbox.exec('x')
    const sources = [new OutputSource(agent), new OutputSource(agent, Stream.stderr)]
    for (const source of sources) expect(await source.send()).toBe(WINDOW_BYTES)
    vi.advanceTimersByTime(20_000)
    await flushStreams()
    expect(agent.receivedOf(Kind.credit)).toEqual([])
    expect(agent.signals).toEqual([])
  })

  it('gets credit when the handle is awaited', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const source = new OutputSource(agent)
    await source.send()
    const result = awaited(handle)
    await flushStreams()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    await source.send(MIB - WINDOW_BYTES)
    agent.done(1)
    const { stdout, truncated } = await result
    expect(stdout).toHaveLength(MIB)
    expect(truncated).toBe(false)
  })
})

describe('output that a loop reads', () => {
  it('gets credit as it is read, half a window at a time', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const events = sandbox.exec('x')[Symbol.asyncIterator]()
    const source = new OutputSource(agent)
    await source.send()
    const credits: number[] = []
    for (let reads = 0; reads < 4; reads++) {
      await events.next()
      await flushStreams()
      credits.push(agent.creditOf(Stream.stdout))
    }
    expect(credits).toEqual([0, WINDOW_BYTES / 2, WINDOW_BYTES / 2, WINDOW_BYTES])
    expect(agent.receivedOf(Kind.credit)).toHaveLength(2)
    expect(await source.send()).toBe(WINDOW_BYTES)
  })

  it('gets credit only for its own stream', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const { loopEnd } = collectEvents(sandbox.exec('x'))
    await new OutputSource(agent, Stream.stderr).send(MIB)
    expect(agent.creditOf(Stream.stderr)).toBe(MIB)
    expect(agent.creditOf(Stream.stdout)).toBe(0)
    agent.done(1)
    await loopEnd
  })

  it('gets credit at once after the loop ends with a break', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const source = new OutputSource(agent)
    await source.send()
    for await (const { type } of handle) if (type === 'stdout') break
    await flushStreams()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    expect(await source.send(3 * MIB)).toBe(3 * MIB)
  })
})

describe('a program that is killed', () => {
  it.each(['not begun', 'paused'] as const)('ends although the loop has %s', async (loop) => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const events = handle[Symbol.asyncIterator]()
    const sources = [new OutputSource(agent), new OutputSource(agent, Stream.stderr)]
    if (loop === 'paused') {
      const first = events.next()
      await sources[0]?.send(1)
      await first
    }
    for (const source of sources) await source.send()
    handle.kill()
    await flushStreams()
    for (const source of sources) expect(await source.send(MIB)).toBe(MIB)
    expect(agent.kills).toBe(0)
    agent.done(1, { signal: 'SIGKILL' })
    const seen = loop === 'paused' ? ['x'] : []
    for await (const event of { [Symbol.asyncIterator]: () => events }) {
      if (event.type === 'exit') seen.push(`${event.killedBy} ${event.truncated}`)
      else if (event.type !== 'result') seen.push(event.data)
    }
    expect(seen.pop()).toBe('abort false')
    expect(seen.join('')).toHaveLength(sources.reduce((sum, { sent }) => sum + sent, 0))
  })

  it('gets credit once, although a loop reads the earlier output later', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const source = new OutputSource(agent)
    await source.send()
    const { loopEnd } = collectEvents(handle)
    handle.kill()
    await flushStreams()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES)
    agent.done(1, { signal: 'SIGKILL' })
    await loopEnd
  })

  it('has its output truncated before it fills the memory of the host', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const source = new OutputSource(agent)
    await source.send()
    handle.kill()
    await flushStreams()
    await source.send(4 * MIB)
    agent.done(1, { signal: 'SIGKILL' })
    const { events, loopEnd } = collectEvents(handle)
    await loopEnd
    expect(outputOf(events, 'stdout')).toHaveLength(3 * MIB + WINDOW_BYTES)
    expect(events.at(-1)).toMatchObject({ killedBy: 'abort', truncated: true })
  })
})

describe('maxOutputBytes', () => {
  it('is the exact limit of the output in a loop', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const { events, loopEnd } = collectEvents(sandbox.exec('x', { maxOutputBytes: 10 }))
    agent.data(1, Stream.stdout, 'abcdef')
    agent.data(1, Stream.stderr, 'ghij')
    await flushStreams()
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stdout, 'k')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    await new OutputSource(agent, Stream.stderr).send(MIB)
    agent.done(1, { signal: 'SIGKILL' })
    await loopEnd
    expect(events).toEqual([
      { type: 'stdout', data: 'abcdef' },
      { type: 'stderr', data: 'ghij' },
      expect.objectContaining({ type: 'exit', killedBy: 'output', truncated: true }),
    ])
  })

  it('cuts a piece at the limit', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const { events, loopEnd } = collectEvents(sandbox.exec('x', { maxOutputBytes: 10 }))
    agent.data(1, Stream.stdout, 'abcdefghijklmnop')
    agent.done(1)
    await loopEnd
    expect(events).toMatchObject([
      { data: 'abcdefghij' },
      { exitCode: 0, killedBy: 'output', truncated: true },
    ])
  })

  it('limits the output to callbacks', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: string[] = []
    const onStdout = (text: string) => seen.push(text)
    const result = awaited(sandbox.exec('x', { maxOutputBytes: 4, onStdout }))
    await flushStreams()
    agent.data(1, Stream.stdout, 'abc')
    agent.data(1, Stream.stdout, 'def')
    agent.done(1, { signal: 'SIGKILL' })
    expect(await result).toMatchObject({ killedBy: 'output', truncated: true })
    expect(seen.join('')).toBe('abcd')
  })

  it('limits all output to a loop that begins late', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { maxOutputBytes: 10 })
    void awaited(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, 'abcdef')
    await flushStreams()
    const { events, loopEnd } = collectEvents(handle)
    agent.data(1, Stream.stdout, 'ghijklmnop')
    agent.done(1, { signal: 'SIGKILL' })
    await loopEnd
    expect(outputOf(events, 'stdout')).toBe('abcdefghij')
    expect(events.at(-1)).toMatchObject({ killedBy: 'output', truncated: true })
  })

  it('limits the output of a handle that is not used', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { maxOutputBytes: 10 })
    agent.data(1, Stream.stdout, 'abcdefghijk')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    expect(await handle).toMatchObject({ killedBy: 'output', truncated: true })
  })
})
