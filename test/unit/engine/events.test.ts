import { addAbortSignal, PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import type { Removal } from '../../../src/engine/docker/docker-container.js'
import { DockerContainer } from '../../../src/engine/docker/docker-container.js'
import { DockerEvents } from '../../../src/engine/docker/events.js'
import { deferred } from '../../../src/util/deferred.js'
import { flushStreams } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** Creates the events of an engine. `emit` sends an event on the newest connection. */
async function fakeEvents() {
  const connections: PassThrough[] = []
  const events = new DockerEvents(async (signal) => {
    const connection = new PassThrough()
    connections.push(connection)
    return addAbortSignal(signal, connection)
  })
  const emit = async (Action: string, Attributes: Record<string, string> = {}, ID = 'one') => {
    connections.at(-1)?.write(`${JSON.stringify({ Action, Actor: { ID, Attributes } })}\n`)
    await flushStreams()
  }
  return { events, connections, emit }
}

describe('the events of a container', () => {
  it.each([
    [[['die', { exitCode: '0' }]], { exitCode: 0, oom: false }],
    [[['oom'], ['die', { exitCode: '137' }]], { exitCode: 137, oom: true }],
    [[['die', { exitCode: '137' }]], { exitCode: 137, oom: true }],
    [
      [
        ['kill', { signal: '9' }],
        ['die', { exitCode: '137' }],
      ],
      { exitCode: 137, oom: false },
    ],
  ] as const)('%j make the exit %j', async (sent, exit) => {
    const { events, emit } = await fakeEvents()
    const watch = events.watch('one')
    await flushStreams()
    for (const [action, attributes] of sent) await emit(action, attributes)
    expect(await outcomeOf(watch.exit())).toEqual(exit)
  })

  it('have three seconds to come, and then the exit has no exit code', async () => {
    const { events } = await fakeEvents()
    const exit = events.watch('one').exit()
    await vi.advanceTimersByTimeAsync(2999)
    expect(await outcomeOf(exit)).toBe('pending')
    await vi.advanceTimersByTimeAsync(2)
    expect(await outcomeOf(exit)).toEqual({ exitCode: undefined, oom: false })
  })

  it('resolve isForgotten() when the engine has destroyed the container', async () => {
    const { events, emit } = await fakeEvents()
    const forgotten = events.watch('one').isForgotten(5000)
    const other = events.watch('two').isForgotten(5000)
    await emit('die', { exitCode: '0' })
    expect(await outcomeOf(forgotten)).toBe('pending')
    await emit('destroy')
    expect(await outcomeOf(forgotten)).toBe(true)
    await vi.advanceTimersByTimeAsync(5001)
    expect(await outcomeOf(other)).toBe(false)
  })

  it('are not awaited while there is no connection, and come again after a reconnection', async () => {
    const { events, connections, emit } = await fakeEvents()
    const watch = events.watch('one')
    await flushStreams()
    const forgotten = watch.isForgotten(5000)
    connections[0]?.destroy(new Error('ECONNRESET'))
    await flushStreams()
    expect(await outcomeOf(forgotten)).toBe(false)
    expect(await outcomeOf(watch.isForgotten(5000))).toBe(false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(connections).toHaveLength(2)
    const again = watch.isForgotten(5000)
    await emit('destroy')
    expect(await outcomeOf(again)).toBe(true)
  })
})

describe('listen()', () => {
  it('resolves when the engine has answered, also for later callers', async () => {
    const connected = deferred<PassThrough>()
    const connect = vi.fn(() => connected.promise)
    const events = new DockerEvents(connect)
    const listening = [events.listen(), events.listen()]
    await vi.advanceTimersByTimeAsync(2999)
    expect(await outcomeOf(Promise.race(listening))).toBe('pending')
    connected.resolve(new PassThrough())
    await Promise.all(listening)
    await events.listen()
    expect(connect).toHaveBeenCalledOnce()
  })

  it.each([
    ['refuses', () => Promise.reject(new Error('ECONNREFUSED')), 0],
    ['does not answer', () => new Promise<never>(() => {}), 3001],
  ])('resolves if the engine %s', async (_, connect, ms) => {
    const listening = new DockerEvents(connect).listen()
    await vi.advanceTimersByTimeAsync(ms)
    expect(await outcomeOf(listening)).toBeUndefined()
  })
})

it('the events are asked for again if the engine does not answer', async () => {
  const asked: AbortSignal[] = []
  const events = new DockerEvents((signal) => {
    asked.push(signal)
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  const forgotten = events.watch('one').isForgotten(60_000)
  await vi.advanceTimersByTimeAsync(14_999)
  expect(await outcomeOf(forgotten)).toBe('pending')
  await vi.advanceTimersByTimeAsync(2)
  expect(await outcomeOf(forgotten)).toBe(false)
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked.map(({ aborted }) => aborted)).toEqual([true, false])
  events.close()
})

it('close() of the events ends the wait of a removal', async () => {
  const { events } = await fakeEvents()
  const forgotten = events.watch('one').isForgotten(5000)
  await flushStreams()
  events.close()
  expect(await outcomeOf(forgotten)).toBe(false)
})

describe('a Docker container', () => {
  async function launched() {
    const { events, connections, emit } = await fakeEvents()
    const stream = new PassThrough()
    const kill = vi.fn<() => Promise<Removal>>(async () => 'removed')
    const container = new DockerContainer('one', stream, events.watch('one'), kill, async () => 0)
    const ended = vi.fn<() => void>()
    stream.once('finish', ended)
    await flushStreams()
    return { container, connections, stream, kill, ended, emit }
  }

  it('ends its stdin on remove(), which resolves when the engine has destroyed it', async () => {
    const { container, kill, ended, emit } = await launched()
    const removed = container.remove()
    await flushStreams()
    expect(ended).toHaveBeenCalledOnce()
    expect(container.remove()).toBe(removed)
    expect(await outcomeOf(removed)).toBe('pending')
    await emit('destroy')
    expect(await outcomeOf(removed)).toBeUndefined()
    expect(kill).not.toHaveBeenCalled()
  })

  it('is killed if it does not exit after remove()', async () => {
    const { container, stream, kill } = await launched()
    const removed = container.remove()
    await vi.advanceTimersByTimeAsync(5001)
    expect(kill).toHaveBeenCalledOnce()
    expect(await outcomeOf(removed)).toBeUndefined()
    expect(stream.destroyed).toBe(true)
  })

  it('replaces a dead connection for events, if the engine has removed it without an event', async () => {
    const { container, connections, kill } = await launched()
    kill.mockResolvedValue('gone')
    void container.remove()
    await vi.advanceTimersByTimeAsync(5001)
    await flushStreams()
    expect(kill).toHaveBeenCalledOnce()
    expect(connections[0]?.destroyed).toBe(true)
  })

  it('keeps the connection for events if only the container was slow', async () => {
    const { container, connections } = await launched()
    void container.remove()
    await vi.advanceTimersByTimeAsync(5001)
    await flushStreams()
    expect(connections[0]?.destroyed).toBe(false)
  })

  it('is removed at once by a kill() after remove(), although its end was slow', async () => {
    const { container, connections, kill, emit } = await launched()
    const removed = container.remove()
    kill.mockResolvedValue('gone')
    void container.kill()
    await emit('die', { exitCode: '137' })
    await emit('destroy')
    expect(await outcomeOf(removed)).toBeUndefined()
    expect(kill).toHaveBeenCalledOnce()
    expect(connections[0]?.destroyed).toBe(false)
  })

  it('is killed once by kill(), and remove() returns the same promise', async () => {
    const { container, kill, ended } = await launched()
    const killed = container.kill()
    expect(container.remove()).toBe(killed)
    expect(container.kill()).toBe(killed)
    await killed
    expect(kill).toHaveBeenCalledOnce()
    expect(ended).not.toHaveBeenCalled()
  })
})
