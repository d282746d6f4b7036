import { describe, expect, it, vi } from 'vitest'
import { Stream, WINDOW_BYTES } from '../../../src/agent/protocol.js'
import type { Deferred } from '../../../src/util/deferred.js'
import { deferred } from '../../../src/util/deferred.js'
import {
  awaited,
  collectEvents,
  flushStreams,
  leaseSandbox,
  unhandledRejectionsIn,
} from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

const PIECE = Buffer.alloc(65_536, 'x')
const oops = () => {
  throw new Error('oops')
}

describe('onStdout and onStderr', () => {
  it('receive the output in order, and the result has it too', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: string[] = []
    const handle = sandbox.exec('x', {
      onStdout: (text) => seen.push(`out ${text}`),
      onStderr: (text) => seen.push(`err ${text}`),
    })
    const result = awaited(handle)
    await flushStreams()
    agent.data(1, Stream.stdout, 'a')
    agent.data(1, Stream.stderr, 'b')
    agent.data(1, Stream.stdout, 'c')
    await flushStreams()
    expect(seen).toEqual(['out a', 'err b', 'out c'])
    agent.done(1)
    expect(await result).toMatchObject({ exitCode: 0, stdout: 'ac', stderr: 'b' })
  })

  it.each(['onStdout', 'onStderr'])('are independent: %s works alone', async (name) => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: unknown[] = []
    const result = awaited(sandbox.exec('x', { [name]: (text: unknown) => seen.push(text) }))
    await flushStreams()
    agent.data(1, Stream.stdout, 'onStdout')
    agent.data(1, Stream.stderr, 'onStderr')
    agent.done(1)
    expect(await result).toMatchObject({ stdout: 'onStdout', stderr: 'onStderr' })
    expect(seen).toEqual([name])
  })

  it('receive output although the handle is not awaited', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: string[] = []
    void sandbox.exec('x', { onStdout: (text) => seen.push(text) })
    vi.advanceTimersToNextTimer()
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    expect(seen).toEqual(['a'])
  })

  it('receive output without a limit, while the result keeps 1 MiB', async () => {
    const { agent, sandbox } = await leaseSandbox()
    let bytes = 0
    const handle = sandbox.exec('x', { onStdout: ({ length }) => (bytes += length) })
    const result = awaited(handle)
    await flushStreams()
    for (let sent = 0; sent < 48; sent++) {
      agent.data(1, Stream.stdout, PIECE)
      await flushStreams()
    }
    agent.done(1)
    expect((await result).stdout).toContain(`\n[${2 * 1024 * 1024} bytes left out]\n`)
    expect(await result).not.toHaveProperty('killedBy')
    expect(bytes).toBe(3 * 1024 * 1024)
  })

  it('delay the credit of the program until their promises resolve', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const calls: Deferred<void>[] = []
    const handle = sandbox.exec('x', {
      onStdout: () => {
        const call = deferred<void>()
        calls.push(call)
        return call.promise
      },
    })
    void awaited(handle)
    await flushStreams()
    for (let sent = 0; sent < WINDOW_BYTES; sent += PIECE.length)
      agent.data(1, Stream.stdout, PIECE)
    await flushStreams()
    expect(calls).toHaveLength(1)
    expect(agent.creditOf(Stream.stdout)).toBe(0)
    calls[0]?.resolve()
    await flushStreams()
    expect(calls).toHaveLength(2)
    expect(agent.creditOf(Stream.stdout)).toBe(WINDOW_BYTES / 2)
  })

  it('delay the result until their promises resolve', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const callback = deferred<void>()
    const result = awaited(sandbox.exec('x', { onStderr: () => callback.promise }))
    await flushStreams()
    agent.data(1, Stream.stderr, 'a')
    agent.done(1)
    await flushStreams()
    expect(await outcomeOf(result)).toBe('pending')
    callback.resolve()
    expect(await outcomeOf(result)).toMatchObject({ exitCode: 0 })
  })

  it('delay the result even if the program ended before they were called', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const callback = deferred<void>()
    const handle = sandbox.exec('x', { onStdout: () => callback.promise })
    agent.data(1, Stream.stdout, 'a')
    agent.done(1)
    await flushStreams()
    vi.advanceTimersToNextTimer()
    const result = awaited(handle)
    await flushStreams()
    expect(await outcomeOf(result)).toBe('pending')
    callback.resolve()
    expect(await outcomeOf(result)).toMatchObject({ stdout: 'a' })
  })

  it.each([
    ['throws', oops],
    ['rejects', () => Promise.reject(new Error('oops'))],
  ])('kill the program and reject the handle if a callback %s', async (_, onStdout) => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { onStdout })
    const unhandled = await unhandledRejectionsIn(async () => {
      const result = awaited(handle)
      await flushStreams()
      agent.data(1, Stream.stdout, 'a')
      await flushStreams()
      expect(agent.signals).toEqual(['SIGKILL'])
      agent.data(1, Stream.stdout, 'b')
      agent.done(1, { signal: 'SIGKILL' })
      await expect(result).rejects.toThrow('oops')
    })
    expect(unhandled).toEqual([])
  })

  it('cause one unhandled rejection if one throws and the handle is not awaited', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const unhandled = await unhandledRejectionsIn(async () => {
      void sandbox.exec('x', { onStdout: oops })
      vi.advanceTimersToNextTimer()
      agent.data(1, Stream.stdout, 'a')
      agent.done(1)
      await flushStreams()
    })
    expect(unhandled).toEqual([expect.objectContaining({ message: 'oops' })])
  })
})

describe('callbacks beside a loop over the events', () => {
  it('receive each output before the loop', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const seen: string[] = []
    const handle = sandbox.exec('x', { onStdout: (text) => seen.push(`callback ${text}`) })
    const loop = (async () => {
      for await (const event of handle) {
        if (event.type === 'stdout') seen.push(`loop ${event.data}`)
      }
    })()
    await flushStreams()
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    agent.data(1, Stream.stdout, 'b')
    agent.done(1)
    await loop
    expect(seen).toEqual(['callback a', 'loop a', 'callback b', 'loop b'])
    expect(await handle).toMatchObject({ stdout: 'ab' })
  })

  it('refuse a loop that begins in a later turn', async () => {
    const { sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { onStdout: () => {} })
    vi.advanceTimersToNextTimer()
    await expect(collectEvents(handle).loopEnd).rejects.toMatchObject({
      code: 'SANDBOX_INVALID_OPTION',
    })
  })

  it('kill the program and reject the loop and the handle if a callback throws', async () => {
    const { agent, sandbox } = await leaseSandbox()
    const handle = sandbox.exec('x', { onStdout: oops })
    const { loopEnd } = collectEvents(handle)
    const result = awaited(handle)
    result.catch(() => {})
    await flushStreams()
    agent.data(1, Stream.stdout, 'a')
    await flushStreams()
    expect(agent.signals).toEqual(['SIGKILL'])
    agent.done(1, { signal: 'SIGKILL' })
    await expect(loopEnd).rejects.toThrow('oops')
    await expect(result).rejects.toThrow('oops')
  })
})
