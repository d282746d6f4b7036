import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Connect } from '../../../../src/engine/kubernetes/pod-watch.js'
import { PodWatch } from '../../../../src/engine/kubernetes/pod-watch.js'
import { deferred } from '../../../../src/util/deferred.js'

const NEVER = new AbortController().signal

interface Connection {
  from: string
  send: (type: string, object: unknown) => void
  end: () => void
  fail: (error: unknown) => void
}

/** An API server that holds the connections of a watch, and counts its lists. */
class FakeServer {
  readonly connections: Connection[] = []
  open = 0
  lists = 0
  pods: readonly object[] = []
  isAway = false

  readonly watch = new PodWatch(
    () => {
      this.lists++
      const pods = this.pods.map((pod) => ({ ...pod }))
      if (this.isAway) return Promise.reject(new Error('away'))
      return Promise.resolve({ pods, resourceVersion: `list ${this.lists}`, time: 0 })
    },
    ({ resourceVersion }, send, signal): ReturnType<Connect> => {
      const { promise, resolve, reject } = deferred<void>()
      this.open++
      void promise.finally(() => this.open--).catch(() => {})
      signal.addEventListener('abort', () => resolve())
      this.connections.push({ from: resourceVersion, send, end: resolve, fail: reject })
      return promise
    },
  )

  get last(): Connection {
    const last = this.connections.at(-1)
    if (!last) throw new Error('there is no connection')
    return last
  }
}

function pod(name: string, resourceVersion: string, state: object = {}): object {
  return { metadata: { name, resourceVersion }, status: { containerStatuses: [{ state }] } }
}

const running = { running: {} }
const ended = { terminated: { exitCode: 7, reason: 'Error' } }

let server: FakeServer

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
})

afterEach(() => {
  server.watch.close()
  vi.useRealTimers()
})

/** Lets the watch connect. */
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

describe('the watch of the pods', () => {
  it('has one connection for all pods, and none without a pod', async () => {
    await settle(60_000)
    expect([server.lists, server.connections.length]).toEqual([0, 0])
    for (const name of ['a', 'b', 'c']) server.watch.follow(name)
    await settle()
    expect([server.lists, server.connections.length]).toEqual([1, 1])
    const runs = server.watch.until(
      'b',
      (sight) => (sight !== 'gone' && sight?.isRunning) || undefined,
      NEVER,
    )
    server.last.send('MODIFIED', pod('b', '5', running))
    expect(await runs).toBe(true)
  })

  it('a new connection continues after the last event or bookmark', async () => {
    server.watch.follow('a')
    await settle()
    server.last.send('ADDED', pod('a', '7'))
    server.last.send('BOOKMARK', { metadata: { resourceVersion: '9' } })
    server.last.end()
    await settle(1000)
    expect(server.last.from).toBe('9')
    expect(server.lists).toBe(1)
  })

  it.each([
    ['in an event', (last: Connection) => last.send('ERROR', { code: 410 })],
    ['as a status', (last: Connection) => last.fail({ statusCode: 410 })],
  ])('lists again if its history is gone, told %s', async (_, tell) => {
    server.watch.follow('a')
    await settle()
    server.last.send('ADDED', pod('a', '7', running))
    const gone = server.watch.until('a', (sight) => (sight === 'gone' ? 'gone' : undefined), NEVER)
    tell(server.last)
    server.last.end()
    await settle(1000)
    expect(server.lists).toBe(2)
    expect(server.last.from).toBe('list 2')
    expect(await gone).toBe('gone')
  })

  it('reports an end that a broken connection has missed', async () => {
    server.watch.follow('a')
    await settle()
    server.pods = [pod('a', '8', ended)]
    server.last.send('ERROR', { code: 500 })
    const code = server.watch.until(
      'a',
      (sight) => (sight === 'gone' ? undefined : sight?.terminated?.exitCode),
      NEVER,
    )
    await settle(1000)
    expect(await code).toBe(7)
  })

  it('retries slowly if the API server is gone or closes each connection at once', async () => {
    server.isAway = true
    server.watch.follow('a')
    await settle(60_000)
    expect(server.lists).toBeLessThan(30)
    server.isAway = false
    await settle(5000)
    const before = server.connections.length
    for (let passed = 0; passed < 60_000; passed += 100) {
      server.last.end()
      await settle(100)
    }
    expect(server.connections.length - before).toBeLessThan(30)
  })

  it('closes its connection when no pod is left, and opens one for the next', async () => {
    server.watch.follow('a')
    await settle()
    server.watch.forget('a')
    await settle()
    expect(server.open).toBe(0)
    server.watch.follow('b')
    await settle(1000)
    expect(server.open).toBe(1)
  })

  it('ends each wait when it is closed, and when a signal aborts', async () => {
    server.watch.follow('a')
    const abort = new AbortController()
    const aborted = server.watch.until('a', () => undefined, abort.signal)
    abort.abort()
    expect(await aborted).toBeUndefined()
    const closed = server.watch.until('a', () => undefined, NEVER)
    server.watch.close()
    expect(await closed).toBeUndefined()
  })
})
