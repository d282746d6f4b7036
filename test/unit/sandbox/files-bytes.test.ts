import { describe, expect, it, vi } from 'vitest'
import { Kind, Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Content } from '../../../src/index.js'
import { flow, leased, turn, unhandledIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { elapse, useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const STARTED = { size: 3, mtimeMs: 1.5, mode: 0o644 }

describe('readFile()', () => {
  it('gives bytes, or text', async () => {
    for (const [options, expected] of [
      [{}, Buffer.of(0x61, 0xff, 0x62)],
      [{ format: 'bytes' }, Buffer.of(0x61, 0xff, 0x62)],
      [{ format: 'text' }, 'a\uFFFDb'],
    ] as const) {
      const { agent, sandbox } = await leased()
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

  it('asks for a part', async () => {
    const { agent, sandbox } = await leased()
    void sandbox.readFile('p', { offset: 5, length: 0 }).catch(() => {})
    await flow()
    expect(agent.requests).toEqual([{ op: 'read', path: 'p', offset: 5, length: 0 }])
  })

  it('is paid for as it comes', async () => {
    const { agent, sandbox } = await leased()
    const reading = sandbox.readFile('p')
    for (let sent = 0; sent < 32; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    agent.done(1, {})
    expect(await reading).toHaveLength(32 * PIECE.length)
    expect(agent.kills).toBe(0)
  })

  it.each([
    ['that says so at its end', (size: number) => size <= 8, false],
    ['that is over at once', (size: number) => size <= 8, true],
  ])('allows maxBytes and not one more, of a file %s', async (_, isFine, isOver) => {
    for (const size of [7, 8, 9, 100]) {
      const { agent, sandbox } = await leased()
      const reading = sandbox.readFile('p', { maxBytes: 8 })
      agent.data(1, Stream.stdout, PIECE.subarray(0, size))
      if (isOver) agent.done(1, {})
      await flow()
      if (isFine(size)) agent.done(1, {})
      else if (!isOver) {
        expect(agent.signals).toEqual(['SIGTERM'])
        agent.fail(1, 'ECANCELED')
      }
      const answer = await outcomeOf(reading)
      if (isFine(size)) expect(answer).toHaveLength(size)
      else expect(answer).toMatchObject({ errno: 'EFBIG', path: 'p' })
    }
  })

  it('holds no more than maxBytes of what comes after', async () => {
    const { agent, sandbox } = await leased()
    const reading = sandbox.readFile('p', { maxBytes: 8 })
    for (let sent = 0; sent < 4; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(reading)).toMatchObject({ errno: 'EFBIG' })
    expect(agent.kills).toBe(0)
    expect(agent.signals).toEqual(['SIGTERM'])
  })

  it('is 64 MiB unless told otherwise', async () => {
    const { agent, sandbox } = await leased()
    const reading = sandbox.readFile('p')
    for (let sent = 0; sent < 1024; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    expect(agent.signals).toEqual([])
    agent.data(1, Stream.stdout, '!')
    await flow()
    expect(agent.signals).toEqual(['SIGTERM'])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(reading)).toMatchObject({ errno: 'EFBIG' })
  })
})

describe('readFile() as a stream', () => {
  async function opened(options: object = {}) {
    const world = await leased()
    const opening = world.sandbox.readFile('p', { format: 'stream', ...options })
    world.agent.started(1, STARTED)
    return { ...world, stream: await opening }
  }

  it('resolves when the file is open', async () => {
    const { agent, sandbox } = await leased()
    const opening = sandbox.readFile('p', { format: 'stream' })
    await flow()
    expect(await outcomeOf(opening)).toBe('pending')
    agent.started(1, STARTED)
    expect(await opening).toBeInstanceOf(ReadableStream)
  })

  it('reads no further than it is read', async () => {
    const { agent, stream } = await opened()
    for (let sent = 0; sent < WINDOW_BYTES; sent += PIECE.length)
      agent.data(1, Stream.stdout, PIECE)
    await flow()
    expect(agent.heardOf(Kind.credit)).toEqual([])
    const reader = stream.getReader()
    await reader.read()
    await flow()
    expect(agent.heardOf(Kind.credit)).toEqual([])
    await reader.read()
    await flow()
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES / 2)
  })

  it('ends with the file, and has no limit', async () => {
    const { agent, stream } = await opened({ maxBytes: 1 })
    agent.data(1, Stream.stdout, 'abc')
    agent.done(1, {})
    expect(await new Response(stream).text()).toBe('abc')
    expect(agent.signals).toEqual([])
  })

  it('that is cancelled stops the reading', async () => {
    const { agent, stream } = await opened()
    agent.data(1, Stream.stdout, 'abc')
    const unhandled = await unhandledIn(async () => {
      await stream.cancel()
      await flow()
      expect(agent.signals).toEqual(['SIGTERM'])
      agent.fail(1, 'ECANCELED')
      await flow()
    })
    expect(unhandled).toEqual([])
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('that is cancelled after its end asks for nothing', async () => {
    const { agent, stream } = await opened()
    agent.data(1, Stream.stdout, 'abc')
    agent.done(1, {})
    await flow()
    await stream.cancel()
    await flow()
    expect(agent.signals).toEqual([])
  })

  it.each([
    [
      'the file fails',
      (world: Awaited<ReturnType<typeof opened>>) => world.agent.fail(1, 'EIO'),
      'EIO',
    ],
    [
      'the container goes',
      (world: Awaited<ReturnType<typeof opened>>) => world.agent.exit(),
      'ended',
    ],
    [
      'it takes too long',
      (world: Awaited<ReturnType<typeof opened>>) => {
        elapse(100)
        world.agent.fail(1, 'ECANCELED')
      },
      'ETIMEDOUT',
    ],
  ])('fails after what has come where %s', async (_, end, part) => {
    const world = await opened({ timeoutMs: 100 })
    world.agent.data(1, Stream.stdout, 'abc')
    await flow()
    const unhandled = await unhandledIn(async () => end(world))
    expect(unhandled).toEqual([])
    const reader = world.stream.getReader()
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
  ])('sends %s, then its end', async (_, content) => {
    const { agent, sandbox } = await leased()
    const writing = sandbox.writeFile('p', content)
    while (agent.heardOf(Kind.eof).length === 0) await turn()
    expect(agent.input).toBe('héllo')
    expect(agent.kinds.at(-1)).toBe(Kind.eof)
    agent.done(1, {})
    expect(await outcomeOf(writing)).toBeUndefined()
  })

  it('of a stream that fails is stopped and rejects with why, and the file has no end', async () => {
    const { agent, sandbox } = await leased()
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
    await flow()
    expect(agent.kinds).toEqual([Kind.request, Kind.data, Kind.signal])
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ECANCELED', path: 'p', cause })
    vi.advanceTimersByTime(5000)
    expect(agent.kills).toBe(0)
  })

  it('of a stream of what is no content is the same', async () => {
    const nonsense: ReadableStream = new ReadableStream({ start: (it) => it.enqueue(5) })
    const { agent, sandbox } = await leased()
    const writing = sandbox.writeFile('p', nonsense)
    await flow()
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ cause: { code: 'SANDBOX_INVALID_OPTION' } })
  })

  it('that fails midway cancels the stream, and says why', async () => {
    const { agent, sandbox } = await leased()
    const cancel = vi.fn<() => void>()
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.enqueue(PIECE)
    const content = new ReadableStream<Uint8Array>({ pull, cancel })
    const writing = sandbox.writeFile('p', content)
    await flow()
    expect(agent.input).toHaveLength(WINDOW_BYTES)
    agent.fail(1, 'ENOSPC', 'no space left')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ENOSPC', path: 'p' })
    await flow()
    expect(cancel).toHaveBeenCalledOnce()
    expect(agent.kinds).not.toContain(Kind.eof)
    expect(agent.signals).toEqual([])
  })

  it.each<[string, () => Promise<void>]>([
    ['ends', async () => {}],
    ['fails', () => Promise.reject(new Error('oops'))],
    ['never ends', () => new Promise(() => {})],
  ])('that is refused cancels its stream, and says why, also where that %s', async (_, cancel) => {
    const { agent, sandbox } = await leased()
    const cancelled = vi.fn<() => Promise<void>>(cancel)
    const content = () => new ReadableStream<Uint8Array>({ cancel: cancelled })
    const aborted = sandbox.writeFile('p', content(), { signal: AbortSignal.abort() })
    expect(await outcomeOf(aborted)).toMatchObject({ errno: 'ECANCELED' })
    sandbox.release()
    const late = sandbox.writeFile('p', content())
    expect(await outcomeOf(late)).toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
    expect(cancelled).toHaveBeenCalledTimes(2)
    expect(agent.heard).toEqual([])
  })

  it('that is stopped is not told its end', async () => {
    const { agent, sandbox } = await leased()
    const writing = sandbox.writeFile('p', new ReadableStream(), { timeoutMs: 5 })
    writing.catch(() => {})
    await flow()
    elapse(5)
    await flow()
    agent.fail(1, 'ECANCELED')
    expect(await outcomeOf(writing)).toMatchObject({ errno: 'ETIMEDOUT' })
    expect(agent.kinds).toEqual([Kind.request, Kind.signal])
  })
})
