import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { deadlineIn, setDeadline, within } from '../../../src/util/deadline.js'
import { until } from '../../helpers/until.js'

/** Blocks the event loop while a connection has unread data. `watch` gets a promise of the data. */
async function blockWithUnreadData(
  ms: number,
  watch: (received: Promise<unknown>) => void,
): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  const [socket] = await once(server, 'connection')
  watch(once(client, 'data'))
  socket.write('answer')
  for (const end = performance.now() + ms; performance.now() < end;);
  await once(client, 'data')
  client.destroy()
  server.close()
}

describe('a deadline', () => {
  it('beyond the longest delay of a timer does not fire at once', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const onLate = vi.fn<() => void>()
    const timer = setDeadline(2 ** 31, onLate)
    vi.advanceTimersByTime(60_000)
    expect(onLate).not.toHaveBeenCalled()
    timer.clear()
  })

  it('can be cleared when its fake timers are not installed any more', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const timer = setDeadline(20, () => {})
    vi.advanceTimersByTime(21)
    vi.useRealTimers()
    timer.clear()
    // Else Node would have counted one immediate too few.
    let hasRun = false
    setImmediate(() => (hasRun = true))
    await until('the next immediate has run', () => hasRun, 1000)
  })

  it('does not fire if data arrived in time while the event loop was blocked', async () => {
    const onLate = vi.fn<() => void>()
    let result: Promise<unknown> = Promise.resolve()
    let signal: AbortSignal | undefined
    await blockWithUnreadData(60, (received) => {
      const timer = setDeadline(20, onLate)
      void received.then(timer.clear)
      result = within(20, received)
      const deadline = deadlineIn(20)
      signal = deadline.signal
      void received.then(deadline.clear)
    })
    expect(await result).toBeDefined()
    expect(signal?.aborted).toBe(false)
    expect(onLate).not.toHaveBeenCalled()
  })

  it('fires if nothing arrives, and does not fire after it is cleared', async () => {
    const onLate = vi.fn<() => void>()
    setDeadline(1, onLate).clear()
    await new Promise<void>((resolve) => {
      setDeadline(5, resolve)
    })
    expect(onLate).not.toHaveBeenCalled()
    expect(await within(1, new Promise(() => {}))).toBeUndefined()
  })
})
