import { describe, expect, it, vi } from 'vitest'
import { Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Deferred } from '../../../src/util/deferred.js'
import { deferred } from '../../../src/util/deferred.js'
import { awaited, eventsOf, flow, leased, unhandledIn } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const oops = () => {
  throw new Error('oops')
}

describe('callbacks', () => {
  it('are called with what comes, in its order, and the result has it too', async () => {
    const { agent, sandbox } = await leased()
    const seen: string[] = []
    const handle = sandbox.exec('x', {
      onStdout: (text) => seen.push(`out ${text}`),
      onStderr: (text) => seen.push(`err ${text}`),
    })
    const result = awaited(handle)
    await flow()
    agent.data(1, Stream.stdout, 'a')
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'c')
    await flow()
    expect(seen).toEqual(['out a', 'err b', 'out c'])
    agent.done(1)
    expect(await result).toMatchObject({ exitCode: 0, stdout: 'ac', stderr: 'b' })
  })

  it.each(['onStdout', 'onStderr'])('need not be both: %s', async (name) => {
    const { agent, sandbox } = await leased()
    const seen: unknown[] = []
    const result = awaited(sandbox.exec('x', { [name]: (text: unknown) => seen.push(text) }))
    await flow()
    agent.data(1, Stream.stdout, 'onStdout')
    agent.data(1, Stream.stderr, 'onStderr')
    agent.done(1)
    expect(await result).toMatchObject({ stdout: 'onStdout', stderr: 'onStderr' })
    expect(seen).toEqual([name])
  })

  it('are called where nobody awaits the handle', async () => {
    const { agent, sandbox } = await leased()
    const seen: string[] = []
    void sandbox.exec('x', { onStdout: (text) => seen.push(text) })
    vi.advanceTimersToNextTimer()
    agent.data(1, Stream.stdout, 'a')
    await flow()
    expect(seen).toEqual(['a'])
  })

  it('have no limit of their own; the result keeps 1 MiB', async () => {
    const { agent, sandbox } = await leased()
    let bytes = 0
    const handle = sandbox.exec('x', { onStdout: ({ length }) => (bytes += length) })
    const result = awaited(handle)
    await flow()
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flow()
    }
    agent.done(1)
    expect((await result).stdout).toContain(`\n[${2 * 1024 * 1024} bytes left out]\n`)
    expect(await result).not.toHaveProperty('killedBy')
    expect(bytes).toBe(3 * 1024 * 1024)
  })

  it('that wait hold the program back: nothing is paid until they are done', async () => {
    const { agent, sandbox } = await leased()
    const waiting: Deferred<void>[] = []
    const handle = sandbox.exec('x', {
      onStdout: () => {
        const next = deferred<void>()
        waiting.push(next)
        return next.promise
      },
    })
    void awaited(handle)
    await flow()
    for (let sent = 0; sent < WINDOW_BYTES; sent += PIECE.length)
      agent.data(1, Stream.stdout, PIECE)
    await flow()
    expect(waiting).toHaveLength(1)
    expect(agent.creditOf(Stream.stdout)).toBe(0)
    waiting[0]?.resolve()
    await flow()
    expect(waiting).toHaveLength(2)
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES / 2)
  })

  it('are waited for before there is a result', async () => {
    const { agent, sandbox } = await leased()
    const told = deferred<void>()
    const result = awaited(sandbox.exec('x', { onStderr: () => told.promise }))
    await flow()
    agent.data(1, Stream.stderr, 'a')
    agent.done(1)
    await flow()
    expect(await outcomeOf(result)).toBe('pending')
    told.resolve()
    expect(await outcomeOf(result)).toMatchObject({ exitCode: 0 })
  })

  it('are waited for where the program was over before they were called', async () => {
    const { agent, sandbox } = await leased()
    const told = deferred<void>()
    const handle = sandbox.exec('x', { onStdout: () => told.promise })
    agent.data(1, Stream.stdout, 'a')
    agent.done(1)
    await flow()
    vi.advanceTimersToNextTimer()
    const result = awaited(handle)
    await flow()
    expect(await outcomeOf(result)).toBe('pending')
    told.resolve()
    expect(await outcomeOf(result)).toMatchObject({ stdout: 'a' })
  })

  it.each([
    ['throws', oops],
    ['rejects', () => Promise.reject(new Error('oops'))],
  ])('one that %s ends the program, and the handle rejects with it', async (_, onStdout) => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x', { onStdout })
    const unhandled = await unhandledIn(async () => {
      const result = awaited(handle)
      await flow()
      agent.data(1, Stream.stdout, 'a')
      await flow()
      expect(agent.signals).toEqual(['SIGKILL'])
      agent.data(1, Stream.stdout, 'b')
      agent.done(1, { signal: 'SIGKILL' })
      await expect(result).rejects.toThrow('oops')
    })
    expect(unhandled).toEqual([])
  })

  it('one that throws is an unhandled rejection of the handle, once, where nobody awaits', async () => {
    const { agent, sandbox } = await leased()
    const unhandled = await unhandledIn(async () => {
      void sandbox.exec('x', { onStdout: oops })
      vi.advanceTimersToNextTimer()
      agent.data(1, Stream.stdout, 'a')
      agent.done(1)
      await flow()
    })
    expect(unhandled).toEqual([expect.objectContaining({ message: 'oops' })])
  })
})

describe('callbacks and a loop', () => {
  it('see the same, the callback first', async () => {
    const { agent, sandbox } = await leased()
    const seen: string[] = []
    const handle = sandbox.exec('x', { onStdout: (text) => seen.push(`callback ${text}`) })
    const loop = (async () => {
      for await (const event of handle) {
        if (event.type === 'stdout') seen.push(`loop ${event.data}`)
      }
    })()
    await flow()
    agent.data(1, Stream.stdout, 'a')
    await flow()
    agent.data(1, Stream.stdout, 'b')
    agent.done(1)
    await loop
    expect(seen).toEqual(['callback a', 'loop a', 'callback b', 'loop b'])
    expect(await handle).toMatchObject({ stdout: 'ab' })
  })

  it('that begins later is refused: the callbacks have it', async () => {
    const { sandbox } = await leased()
    const handle = sandbox.exec('x', { onStdout: () => {} })
    vi.advanceTimersToNextTimer()
    await expect(eventsOf(handle).over).rejects.toMatchObject({ code: 'SANDBOX_INVALID_OPTION' })
  })

  it('where one throws, end the program and both', async () => {
    const { agent, sandbox } = await leased()
    const handle = sandbox.exec('x', { onStdout: oops })
    const { over } = eventsOf(handle)
    const result = awaited(handle)
    result.catch(() => {})
    await flow()
    agent.data(1, Stream.stdout, 'a')
    await flow()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    await expect(over).rejects.toThrow('oops')
    await expect(result).rejects.toThrow('oops')
  })
})
