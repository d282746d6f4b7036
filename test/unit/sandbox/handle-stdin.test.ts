import { describe, expect, it, vi } from 'vitest'
import { Kind, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Content } from '../../../src/index.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import {
  awaited,
  collectEvents,
  flushStreams,
  leaseSandbox,
  nextTurn,
  unhandledRejectionsIn,
} from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const CLOSED = { code: 'SANDBOX_STDIN_CLOSED' }

function streamOf(...parts: (string | Uint8Array)[]): ReadableStream<string | Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

function lockedStream(): ReadableStream<string | Uint8Array> {
  const stream = streamOf('a')
  stream.getReader()
  return stream
}

/** Waits for the end of stdin in real turns, because another thread reads Blobs. */
async function untilEof(agent: FakeAgent): Promise<void> {
  while (agent.receivedOf(Kind.eof).length === 0) await nextTurn()
}

describe('the stdin option', () => {
  it.each<[string, Content]>([
    ['text', 'héllo'],
    ['bytes', Buffer.from('héllo')],
    ['a view of bytes', Buffer.from('_héllo_').subarray(1, 7)],
    ['a Blob', new Blob(['hé', 'llo'])],
    ['a stream of text', streamOf('hé', 'llo')],
    ['a stream of bytes', streamOf(Buffer.from('hé'), Buffer.from('llo'))],
    ['an empty text', ''],
  ])('sends %s and then the end of stdin', async (name, stdin) => {
    const { agent, sandbox } = await leaseSandbox()
    void awaited(sandbox.exec('x', { stdin }))
    await untilEof(agent)
    expect(agent.input).toBe(name === 'an empty text' ? '' : 'héllo')
    expect(agent.kinds.at(-1)).toBe(Kind.eof)
    expect(agent.receivedOf(Kind.eof)).toHaveLength(1)
  })

  it('pulls a stream as the program reads, and cancels it if the program ends first', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const cancel = vi.fn<(reason: unknown) => void>()
    let pulls = 0
    const stdin = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls++
          controller.enqueue(Buffer.alloc(65_536))
        },
        cancel,
      },
      { highWaterMark: 0 },
    )
    const result = awaited(sandbox.exec('x', { stdin }))
    await flushStreams()
    expect(pulls).toBe(WINDOW_BYTES / 65_536 + 1)
    expect(cancel).not.toHaveBeenCalled()
    agent.done(1)
    expect(await result).toMatchObject({ exitCode: 0 })
    await flushStreams()
    expect(cancel).toHaveBeenCalledOnce()
    expect(agent.receivedOf(Kind.eof)).toEqual([])
  })

  describe.each([
    ['fails', () => new ReadableStream({ pull: () => Promise.reject(new Error('oops')) }), 'oops'],
    [
      'has a chunk that is not content',
      () => new ReadableStream({ start: (controller) => controller.enqueue(5) }),
      'chunk',
    ],
    ['has another reader', lockedStream, 'locked'],
  ])('with a stream that %s', (_, streamOf, part) => {
    it.each(['await', 'loop'])('kills the program, and the %s throws', async (use) => {
      const { agent, sandbox } = await leaseSandbox()
      const unhandled = await unhandledRejectionsIn(async () => {
        const handle = sandbox.exec('x', { stdin: streamOf() })
        const end = use === 'loop' ? collectEvents(handle).loopEnd : awaited(handle)
        end.catch(() => {})
        vi.advanceTimersToNextTimer()
        await flushStreams()
        expect(agent.signals).toEqual(['SIGKILL'])
        expect(agent.receivedOf(Kind.eof)).toEqual([])
        agent.done(1, { signal: 'SIGKILL' })
        await expect(end).rejects.toThrow(part)
      })
      expect(unhandled).toEqual([])
    })
  })

  it('closes the stdin of the handle', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { stdin: 'a' })
    void awaited(handle)
    await expect(handle.stdin.getWriter().write('b')).rejects.toMatchObject(CLOSED)
    await flushStreams()
    expect(agent.input).toBe('a')
  })
})

describe('stdin that is not used', () => {
  it('ends as soon as the handle is awaited', async () => {
    const { agent, sandbox } = await leaseSandbox()
    void awaited(sandbox.exec('x'))
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request, Kind.eof])
  })

  it('ends after this turn of the event loop', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const { loopEnd } = collectEvents(handle)
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request])
    vi.advanceTimersToNextTimer()
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request, Kind.eof])
    agent.done(1)
    await loopEnd
    await handle
    expect(agent.receivedOf(Kind.eof)).toHaveLength(1)
  })

  it('rejects a late write(), but not a late close()', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    void awaited(handle)
    await flushStreams()
    const writer = handle.stdin.getWriter()
    await expect(writer.write('a')).rejects.toMatchObject(CLOSED)
    const other = sandbox.exec('y')
    vi.advanceTimersToNextTimer()
    expect(await other.stdin.close()).toBeUndefined()
    await flushStreams()
    expect(agent.input).toBe('')
  })
})

describe('stdin that is used', () => {
  it.each(['await', 'loop', 'neither'])('stays open until close(), with %s', async (use) => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const writer = handle.stdin.getWriter()
    if (use === 'await') void awaited(handle)
    if (use === 'loop') collectEvents(handle)
    vi.advanceTimersToNextTimer()
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request])
    await writer.write('hé')
    await writer.write(Buffer.from('llo'))
    await flushStreams()
    expect(agent.input).toBe('héllo')
    expect(agent.receivedOf(Kind.eof)).toEqual([])
    await writer.close()
    await flushStreams()
    expect(agent.receivedOf(Kind.eof)).toHaveLength(1)
  })

  it('stays open also after then() in the same turn, and is one object', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    void awaited(handle)
    expect(handle.stdin).toBe(handle.stdin)
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request])
  })

  it('kills the program if it is aborted, because the input is incomplete', async () => {
    const { agent, sandbox } = await leaseSandbox()
    await sandbox.exec('x').stdin.abort(new Error('enough'))
    await flushStreams()
    expect(agent.kinds).toEqual([Kind.request, Kind.signal])
    expect(agent.signals).toEqual(['SIGKILL'])
  })

  it('accepts 256 KiB, and then waits until the program reads', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const writer = sandbox.exec('x').stdin.getWriter()
    await writer.write(Buffer.alloc(WINDOW_BYTES))
    const more = writer.write('more')
    await flushStreams()
    expect(await outcomeOf(more)).toBe('pending')
    agent.credit(1, 4)
    await flushStreams()
    expect(await outcomeOf(more)).toBeUndefined()
  })

  it.each([
    ['the program has ended', (agent: FakeAgent) => agent.done(1)],
    ['the container has exited', (agent: FakeAgent) => agent.exit()],
  ])('rejects write() if %s', async (_, end) => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x')
    const writer = handle.stdin.getWriter()
    await writer.write(Buffer.alloc(WINDOW_BYTES))
    const stuck = writer.write('stuck')
    const unhandled = await unhandledRejectionsIn(async () => {
      await flushStreams()
      end(agent)
      await expect(stuck).rejects.toMatchObject(CLOSED)
      await expect(writer.write('late')).rejects.toMatchObject(CLOSED)
    })
    expect(unhandled).toEqual([])
    await handle
  })

  it('resolves close() and rejects write() after the end of the program', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const [closed, written] = [sandbox.exec('x'), sandbox.exec('y')]
    const streams = [closed.stdin, written.stdin] as const
    agent.done(1)
    agent.done(2)
    await Promise.all([closed, written])
    expect(await streams[0].close()).toBeUndefined()
    await expect(streams[1].getWriter().write('late')).rejects.toMatchObject(CLOSED)
    expect(agent.kinds).toEqual([Kind.request, Kind.request])
  })

  it('refuses a chunk that is neither text nor bytes, and does not echo it', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const writer: WritableStreamDefaultWriter = sandbox.exec('x').stdin.getWriter()
    await expect(writer.write({ secret: 'hunter2' })).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.not.stringContaining('hunter2'),
    })
    expect(agent.input).toBe('')
  })
})
