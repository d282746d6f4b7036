import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Content } from '../../../src/index.js'
import { flushStreams, leaseSandbox, nextTurn, unhandledRejectionsIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { advanceTime, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const STARTED = { size: 3, mtimeMs: 1.5, mode: 0o644 }

describe('readFile()', () => {
  it('returns bytes or text', async () => {
    for (const [options, expected] of [
      [{}, Buffer.of(0x61, 0xff, 0x62)],
      [{ format: 'bytes' }, Buffer.of(0x61, 0xff, 0x62)],
      [{ format: 'text' }, 'a\uFFFDb'],
    ] as const) {
      const { agent, sandbox } = await leaseSandbox()
      const reading: Promise<unknown> =
        'format' in options && options.format === 'text'
          ? sandbox.readFile('p', options)
          : sandbox.readFile('p')
      agent.started(1, STARTED)
      agent.data(1, Stream.stdout, Buffer.of(0x61, 0xff))
      agent.data(1, Stream.stdout, 'b')
      agent.done(1, {})
      expect(await reading).toEqual(expected)
    }
  })

  it('requests a part of the file', async () => {
    const { agent, sandbox } = await leaseSandbox()
    void sandbox.readFile('p', { offset: 5, length: 0 }).catch(() => {})
    await flushStreams()
    expect(agent.requests).toEqual([{ op: 'read', path: 'p', offset: 5, length: 0 }])
  })

  it('grants credit while the bytes come', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const reading = sandbox.readFile('p')
    for (let sent = 0; sent < 32; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    agent.done(1, {})
    expect(await reading).toHaveLength(32 * PIECE.length)
    expect(agent.kills).toBe(0)
  })

  it.each([
    ['the file ends later', (size: number) => size <= 8, false],
    ['the file ends at once', (size: number) => size <= 8, true],
  ])('returns at most maxBytes, if %s', async (_, isAllowed, isOver) => {
    for (const size of [7, 8, 9, 100]) {
      const { agent, sandbox } = await leaseSandbox()
      const reading = sandbox.readFile('p', { maxBytes: 8 })
      agent.data(1, Stream.stdout, PIECE.subarray(0, size))
      if (isOver) agent.done(1, {})
      await flushStreams()
      if (isAllowed(size)) agent.done(1, {})
      else if (!isOver) {
        expect(agent.signals).toEqual(['SIGTERM'])
        agent.fail(1, 'ECANCELED')
      }
      const answer = await outcomeOf(reading)
      if (isAllowed(size)) expect(answer).toHaveLength(size)
      else expect(answer).toMatchObject({ errno: 'EFBIG', path: 'p' })
    }
  })

  it('drops the bytes above maxBytes', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const reading = sandbox.readFile('p', { maxBytes: 8 })
    for (let sent = 0; sent < 4; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(reading)).toMatchObject({ errno: 'EFBIG' })
    expect(agent.kills).toBe(0)
    expect(agent.signals).toEqual(['SIGTERM'])
  })

  it('returns at most 64 MiB by default', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const reading = sandbox.readFile('p')
    for (let sent = 0; sent < 1024; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stdout, '!')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGTERM'])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(reading)).toMatchObject({ errno: 'EFBIG' })
  })
})

describe('readFile() as a stream', () => {
  async function openStream(options: object = {}) {
    const fixture = await leaseSandbox()
    const opening = fixture.sandbox.readFile('p', { format: 'stream', ...options })
    fixture.agent.started(1, STARTED)
    return { ...fixture, stream: await opening }
  }

  it('resolves when the file is open', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const opening = sandbox.readFile('p', { format: 'stream' })
    await flushStreams()
    expect(await outcomeOf(opening)).toBe('pending')
    agent.started(1, STARTED)
    expect(await opening).toBeInstanceOf(ReadableStream)
  })

  it('grants credit only for the bytes that were read', async () => {
    const { agent, stream } = await openStream()
    for (let sent = 0; sent < WINDOW_BYTES; sent += PIECE.length)
      agent.data(1, Stream.stdout, PIECE)
    await flushStreams()
    expect(agent.receivedOf(Kind.credit)).toEqual([])
    const reader = stream.getReader()
    await reader.read()
    await flushStreams()
    expect(agent.receivedOf(Kind.credit)).toEqual([])
    await reader.read()
    await flushStreams()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES / 2)
  })

  it('ends with the file, and has no limit', async () => {
    const { agent, stream } = await openStream({ maxBytes: 1 })
    agent.data(1, Stream.stdout, 'abc')
    agent.done(1, {})
    expect(await new Response(stream).text()).toBe('abc')
    expect(agent.signals).toEqual([])
  })

  it('stops the request if it is cancelled', async () => {
    const { agent, stream } = await openStream()
    agent.data(1, Stream.stdout, 'abc')
    const unhandled = await unhandledRejectionsIn(async () => {
      await stream.cancel()
      await flushStreams()
      expect(agent.signals).toEqual(['SIGTERM'])
      agent.fail(1, 'ECANCELED')
      await flushStreams()
    })
    expect(unhandled).toEqual([])
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('sends nothing if it is cancelled after its end', async () => {
    const { agent, stream } = await openStream()
    agent.data(1, Stream.stdout, 'abc')
    agent.done(1, {})
    await flushStreams()
    await stream.cancel()
    await flushStreams()
    expect(agent.signals).toEqual([])
  })

  it.each([
    [
      'the read fails',
      (fixture: Awaited<ReturnType<typeof openStream>>) => fixture.agent.fail(1, 'EIO'),
      'EIO',
    ],
    [
      'the container exits',
      (fixture: Awaited<ReturnType<typeof openStream>>) => fixture.agent.exit(),
      'ended',
    ],
    [
      'the time limit is over',
      (fixture: Awaited<ReturnType<typeof openStream>>) => {
        advanceTime(100)
        fixture.agent.fail(1, 'ECANCELED')
      },
      'ETIMEDOUT',
    ],
  ])('fails after the received bytes if %s', async (_, end, part) => {
    const fixture = await openStream({ timeoutMs: 100 })
    fixture.agent.data(1, Stream.stdout, 'abc')
    await flushStreams()
    const unhandled = await unhandledRejectionsIn(async () => end(fixture))
    expect(unhandled).toEqual([])
    const reader = fixture.stream.getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('abc')
    await expect(reader.read()).rejects.toThrow(part)
  })
})

describe('writeFile()', () => {
  it.each<[string, Content]>([
    ['text', 'héllo'],
    ['bytes', Buffer.from('héllo')],
    ['a Blob', new Blob(['hél', 'lo'])],
    ['a stream', new Blob(['héllo']).stream()],
  ])('sends %s, then the end of the content', async (_, content) => {
    const { agent, sandbox } = await leaseSandbox()
    const writing = sandbox.writeFile('p', content)
    while (agent.receivedOf(Kind.eof).length === 0) await nextTurn()
    expect(agent.input).toBe('héllo')
    expect(agent.kinds.at(-1)).toBe(Kind.eof)
    agent.done(1, {})
    expect(await outcomeOf(writing)).toBeUndefined()
  })

  it('stops the request and rejects with the cause if its stream fails', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const cause = new Error('oops')
    const parts = ['ab']
    const content = new ReadableStream<string>({
      pull(controller) {
        const part = parts.pop()
        if (part === undefined) throw cause
        controller.enqueue(part)
      },
    })
    const writing = sandbox.writeFile('p', content)
    writing.catch(() => {})
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request, Kind.data, Kind.signal])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ECANCELED', path: 'p', cause })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('rejects with a cause if its stream has a chunk that is not content', async () => {
    const numbers: ReadableStream = new ReadableStream({
      start: (controller) => controller.enqueue(5),
    })
    const { agent, sandbox } = await leaseSandbox()
    const writing = sandbox.writeFile('p', numbers)
    await flushStreams()
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ cause: { code: 'SANDBOX_INVALID_OPTION' } })
  })

  it('cancels its stream and rejects with the errno if the agent fails', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const cancel = vi.fn<() => void>()
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.enqueue(PIECE)
    const content = new ReadableStream<Uint8Array>({ pull, cancel })
    const writing = sandbox.writeFile('p', content)
    await flushStreams()
    expect(agent.input).toHaveLength(WINDOW_BYTES)
    agent.fail(1, 'ENOSPC', 'no space left')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ENOSPC', path: 'p' })
    await flushStreams()
    expect(cancel).toHaveBeenCalledOnce()
    expect(agent.kinds).not.toContain(Kind.eof)
    expect(agent.signals).toEqual([])
  })

  it.each<[string, () => Promise<void>]>([
    ['resolves', async () => {}],
    ['rejects', () => Promise.reject(new Error('oops'))],
    ['never settles', () => new Promise(() => {})],
  ])('cancels its stream if the call is refused, although cancel() %s', async (_, cancel) => {
    const { agent, sandbox } = await leaseSandbox()
    const cancelled = vi.fn<() => Promise<void>>(cancel)
    const content = () => new ReadableStream<Uint8Array>({ cancel: cancelled })
    const aborted = sandbox.writeFile('p', content(), { signal: AbortSignal.abort() })
    expect(await outcomeOf(aborted)).toMatchObject({ errno: 'ECANCELED' })
    sandbox.release()
    const late = sandbox.writeFile('p', content())
    expect(await outcomeOf(late)).toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
    expect(cancelled).toHaveBeenCalledTimes(2)
    expect(agent.received).toEqual([])
  })

  it('does not send the end of the content after its time limit', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const writing = sandbox.writeFile('p', new ReadableStream(), { timeoutMs: 5 })
    writing.catch(() => {})
    await flushStreams()
    advanceTime(5)
    await flushStreams()
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ETIMEDOUT' })
    expect(agent.kinds).toEqual([Kind.request, Kind.signal])
  })
})
