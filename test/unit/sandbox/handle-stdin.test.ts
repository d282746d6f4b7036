import { describe, expect, it, vi } from 'vitest'
import { Kind, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Content } from '../../../src/index.js'
import type { FakeAgent } from '../fakes/fake-agent.js'
import { awaited, eventsOf, flow, leased, turn, unhandledIn } from '../fakes/fake-agent.js'
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

/** Blobs are read on another thread. */
async function untilEnd(agent: FakeAgent): Promise<void> {
  while (agent.heardOf(Kind.eof).length === 0) await turn()
}

describe('the stdin option', () => {
  it.each<[string, Content]>([
    ['text', 'héllo'],
    ['bytes', Buffer.from('héllo')],
    ['a view of bytes', Buffer.from('_héllo_').subarray(1, 7)],
    ['a Blob', new Blob(['hé', 'llo'])],
    ['a stream of text', streamOf('hé', 'llo')],
    ['a stream of bytes', streamOf(Buffer.from('hé'), Buffer.from('llo'))],
    ['nothing', ''],
  ])('may be %s; then it ends', async (name, stdin) => {
    const { agent, sandbox } = await leased()
    void awaited(sandbox.exec('x', { stdin }))
    await untilEnd(agent)
    expect(agent.input).toBe(name === 'nothing' ? '' : 'héllo')
    expect(agent.kinds.at(-1)).toBe(Kind.eof)
    expect(agent.heardOf(Kind.eof)).toHaveLength(1)
  })

  it('of a stream is read as the program reads, and cancelled when it ends first', async () => {
    const { agent, sandbox } = await leased()
    const cancelled = vi.fn<(reason: unknown) => void>()
    let pulls = 0
    const stdin = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls++
          controller.enqueue(Buffer.alloc(65_536))
        },
        cancel: cancelled,
      },
      { highWaterMark: 0 },
    )
    const result = awaited(sandbox.exec('x', { stdin }))
    await flow()
    expect(pulls).toBe(WINDOW_BYTES / 65_536 + 1)
    expect(cancelled).not.toHaveBeenCalled()
    agent.done(1)
    expect(await result).toMatchObject({ exitCode: 0 })
    await flow()
    expect(cancelled).toHaveBeenCalledOnce()
    expect(agent.heardOf(Kind.eof)).toEqual([])
  })

  describe.each([
    ['fails', () => new ReadableStream({ pull: () => Promise.reject(new Error('oops')) }), 'oops'],
    ['has what is no content', () => new ReadableStream({ start: (it) => it.enqueue(5) }), 'chunk'],
    ['is read by another', lockedStream, 'locked'],
  ])('of a stream that %s ends the program', (_, streamOf, part) => {
    it.each(['await', 'loop'])('and is what the %s throws', async (how) => {
      const { agent, sandbox } = await leased()
      const unhandled = await unhandledIn(async () => {
        const handle = sandbox.exec('x', { stdin: streamOf() })
        const over = how === 'loop' ? eventsOf(handle).over : awaited(handle)
        over.catch(() => {})
        vi.advanceTimersToNextTimer()
        await flow()
        expect(agent.signals).toEqual(['SIGKILL'])
        expect(agent.heardOf(Kind.eof)).toEqual([])
        agent.done(1, { signal: 'SIGKILL' })
        await expect(over).rejects.toThrow(part)
      })
      expect(unhandled).toEqual([])
    })
  })

  it('leaves nothing to write into', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x', { stdin: 'a' })
    void awaited(handle)
    await expect(handle.stdin.getWriter().write('b')).rejects.toMatchObject(CLOSED)
    await flow()
    expect(agent.input).toBe('a')
  })
})

describe('stdin that nobody takes', () => {
  it('ends as soon as the handle is awaited', async () => {
    const { agent, sandbox } = await leased()
    void awaited(sandbox.exec('x'))
    await flow()
    expect(agent.kinds).toEqual([Kind.request, Kind.eof])
  })

  it('ends when this turn of the loop is over', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const { over } = eventsOf(handle)
    await flow()
    expect(agent.kinds).toEqual([Kind.request])
    vi.advanceTimersToNextTimer()
    await flow()
    expect(agent.kinds).toEqual([Kind.request, Kind.eof])
    agent.done(1)
    await over
    await handle
    expect(agent.heardOf(Kind.eof)).toHaveLength(1)
  })

  it('is taken too late: to write is an error, to close is none', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    void awaited(handle)
    await flow()
    const writer = handle.stdin.getWriter()
    await expect(writer.write('a')).rejects.toMatchObject(CLOSED)
    const other = sandbox.exec('y')
    vi.advanceTimersToNextTimer()
    expect(await other.stdin.close()).toBeUndefined()
    await flow()
    expect(agent.input).toBe('')
  })
})

describe('stdin that is taken', () => {
  it.each(['await', 'loop', 'neither'])('stays open until it is closed; %s', async (how) => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    const writer = handle.stdin.getWriter()
    if (how === 'await') void awaited(handle)
    if (how === 'loop') eventsOf(handle)
    vi.advanceTimersToNextTimer()
    await flow()
    expect(agent.kinds).toEqual([Kind.request])
    await writer.write('hé')
    await writer.write(Buffer.from('llo'))
    await flow()
    expect(agent.input).toBe('héllo')
    expect(agent.heardOf(Kind.eof)).toEqual([])
    await writer.close()
    await flow()
    expect(agent.heardOf(Kind.eof)).toHaveLength(1)
  })

  it('after then() in the same turn stays open as well, and is always the same', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x')
    void awaited(handle)
    expect(handle.stdin).toBe(handle.stdin)
    await flow()
    expect(agent.kinds).toEqual([Kind.request])
  })

  it('ends the program when it is aborted: what it has read is not the whole', async () => {
    const { agent, sandbox } = await leased()
    await sandbox.exec('x').stdin.abort(new Error('enough'))
    await flow()
    expect(agent.kinds).toEqual([Kind.request, Kind.signal])
    expect(agent.signals).toEqual(['SIGKILL'])
  })

  it('waits for the program to read, all but 256 KiB', async () => {
    const { agent, sandbox } = await leased()
    const writer = sandbox.exec('x').stdin.getWriter()
    await writer.write(Buffer.alloc(WINDOW_BYTES))
    const more = writer.write('more')
    await flow()
    expect(await outcomeOf(more)).toBe('pending')
    agent.credit(1, 4)
    await flow()
    expect(await outcomeOf(more)).toBeUndefined()
  })

  it.each([
    ['answered', (agent: FakeAgent) => agent.done(1)],
    ['is gone', (agent: FakeAgent) => agent.exit()],
  ])('cannot be written when the program %s; to close it is no error', async (_, end) => {
    const { agent, sandbox } = await leased()
    const one = sandbox.exec('x')
    const writer = one.stdin.getWriter()
    await writer.write(Buffer.alloc(WINDOW_BYTES))
    const stuck = writer.write('stuck')
    const unhandled = await unhandledIn(async () => {
      await flow()
      end(agent)
      await expect(stuck).rejects.toMatchObject(CLOSED)
      await expect(writer.write('late')).rejects.toMatchObject(CLOSED)
    })
    expect(unhandled).toEqual([])
    await one
  })

  it('is closed without an error after the end, and written with one', async () => {
    const { agent, sandbox } = await leased()
    const [closed, written] = [sandbox.exec('x'), sandbox.exec('y')]
    const streams = [closed.stdin, written.stdin] as const
    agent.done(1)
    agent.done(2)
    await Promise.all([closed, written])
    expect(await streams[0].close()).toBeUndefined()
    await expect(streams[1].getWriter().write('late')).rejects.toMatchObject(CLOSED)
    expect(agent.kinds).toEqual([Kind.request, Kind.request])
  })

  it('refuses what is neither text nor bytes, without repeating it', async () => {
    const { agent, sandbox } = await leased()
    const writer: WritableStreamDefaultWriter = sandbox.exec('x').stdin.getWriter()
    await expect(writer.write({ secret: 'hunter2' })).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
      message: expect.not.stringContaining('hunter2'),
    })
    expect(agent.input).toBe('')
  })
})
