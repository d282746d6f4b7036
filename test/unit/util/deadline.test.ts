import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { expect, it, vi } from 'vitest'
import { deadlineIn, setDeadline, within } from '../../../src/util/deadline.js'

/** A connection on which `answer` has arrived in time, though the event loop was blocked since. */
async function afterStall(ms: number, watch: (answered: Promise<unknown>) => void): Promise<void> {
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

it('lets an answer count that arrived before the event loop was free', async () => {
  const onLate = vi.fn<() => void>()
  let found: Promise<unknown> = Promise.resolve()
  let signal: AbortSignal | undefined
  await afterStall(60, (answered) => {
    const timer = setDeadline(20, onLate)
    void answered.then(timer.clear)
    found = within(20, answered)
    const deadline = deadlineIn(20)
    signal = deadline.signal
    void answered.then(deadline.clear)
  })
  expect(await found).toBeDefined()
  expect(signal?.aborted).toBe(false)
  expect(onLate).not.toHaveBeenCalled()
})

it('fires if nothing comes, and not after it is cleared', async () => {
  const onLate = vi.fn<() => void>()
  setDeadline(1, onLate).clear()
  await new Promise<void>((resolve) => {
    setDeadline(5, resolve)
  })
  expect(onLate).not.toHaveBeenCalled()
  expect(await within(1, new Promise(() => {}))).toBeUndefined()
})
