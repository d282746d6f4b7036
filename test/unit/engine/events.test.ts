import { PassThrough } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { DockerContainer } from '../../../src/engine/docker/docker-container.js'
import { DockerEvents } from '../../../src/engine/docker/events.js'
import { flow } from '../fakes/fake-agent.js'
import { outcomeOf } from '../fakes/fake-pool.js'
import { useFakeTime } from '../fakes/fake-time.js'

useFakeTime()

/** An engine's events, told by the test, over as many connections as there are. */
async function engine() {
  const connections: PassThrough[] = []
  const events = new DockerEvents(async () => {
    const connection = new PassThrough()
    connections.push(connection)
    return connection
  })
  const say = async (Action: string, Attributes: Record<string, string> = {}, ID = 'one') => {
    connections.at(-1)?.write(`${JSON.stringify({ Action, Actor: { ID, Attributes } })}\n`)
    await flow()
  }
  return { events, connections, say }
}

describe('the news of a container', () => {
  it.each([
    [[['die', { exitCode: '0' }]], { exitCode: 0, oom: false }],
    [[['oom'], ['die', { exitCode: '137' }]], { exitCode: 137, oom: true }],
    [[['die', { exitCode: '137' }], ['oom']], { exitCode: 137, oom: true }],
  ] as const)('%j is %j', async (said, exit) => {
    const { events, say } = await engine()
    const watch = events.watch('one')
    await flow()
    for (const [action, attributes] of said) await say(action, attributes)
    expect(await outcomeOf(watch.exit())).toEqual(exit)
  })

  it('is waited for a second, and no longer', async () => {
    const { events } = await engine()
    const exit = events.watch('one').exit()
    await vi.advanceTimersByTimeAsync(999)
    expect(await outcomeOf(exit)).toBe('pending')
    await vi.advanceTimersByTimeAsync(2)
    expect(await outcomeOf(exit)).toEqual({ exitCode: undefined, oom: false })
  })

  it('says when the engine has forgotten it', async () => {
    const { events, say } = await engine()
    const forgotten = events.watch('one').isForgotten(5000)
    const other = events.watch('two').isForgotten(5000)
    await say('die', { exitCode: '0' })
    expect(await outcomeOf(forgotten)).toBe('pending')
    await say('destroy')
    expect(await outcomeOf(forgotten)).toBe(true)
    await vi.advanceTimersByTimeAsync(5001)
    expect(await outcomeOf(other)).toBe(false)
  })

  it('is not waited for where nobody tells it, and comes again with the engine', async () => {
    const { events, connections, say } = await engine()
    const watch = events.watch('one')
    await flow()
    const forgotten = watch.isForgotten(5000)
    connections[0]?.destroy(new Error('ECONNRESET'))
    await flow()
    expect(await outcomeOf(forgotten)).toBe(false)
    expect(await outcomeOf(watch.isForgotten(5000))).toBe(false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(connections).toHaveLength(2)
    const again = watch.isForgotten(5000)
    await say('destroy')
    expect(await outcomeOf(again)).toBe(true)
  })
})

it('an engine that is let go makes no removal wait for its news', async () => {
  const { events } = await engine()
  const forgotten = events.watch('one').isForgotten(5000)
  await flow()
  events.close()
  expect(await outcomeOf(forgotten)).toBe(false)
})

describe('a container', () => {
  async function launched() {
    const { events, say } = await engine()
    const stream = new PassThrough()
    const kill = vi.fn<() => Promise<void>>(async () => {})
    const container = new DockerContainer('one', stream, events.watch('one'), kill)
    const ended = vi.fn<() => void>()
    stream.once('finish', ended)
    await flow()
    return { container, stream, kill, ended, say }
  }

  it('that is let go has its stdin ended, and is gone when the engine says so', async () => {
    const { container, kill, ended, say } = await launched()
    const removed = container.remove()
    await flow()
    expect(ended).toHaveBeenCalledOnce()
    expect(container.remove()).toBe(removed)
    expect(await outcomeOf(removed)).toBe('pending')
    await say('destroy')
    expect(await outcomeOf(removed)).toBeUndefined()
    expect(kill).not.toHaveBeenCalled()
  })

  it('that does not go is killed', async () => {
    const { container, stream, kill } = await launched()
    const removed = container.remove()
    await vi.advanceTimersByTimeAsync(5001)
    expect(kill).toHaveBeenCalledOnce()
    expect(await outcomeOf(removed)).toBeUndefined()
    expect(stream.destroyed).toBe(true)
  })

  it('that is killed is removed by that, once', async () => {
    const { container, kill, ended } = await launched()
    const killed = container.kill()
    expect(container.remove()).toBe(killed)
    expect(container.kill()).toBe(killed)
    await killed
    expect(kill).toHaveBeenCalledOnce()
    expect(ended).not.toHaveBeenCalled()
  })
})
