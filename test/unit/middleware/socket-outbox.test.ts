import { describe, expect, it } from 'vitest'
import { NumberedOutbox } from '../../../middleware/socket-outbox.js'
import type { StreamEvent } from '../../../middleware/stream-event.js'
import { fakeConnection } from '../../helpers/fake-connection.js'
import { flushMicrotasks } from '../fakes/fake-pool.js'

const stdout = (data: string): StreamEvent => ({ type: 'stdout', data })

const seqsOf = (sent: readonly string[]) => sent.map((text): number => JSON.parse(text).seq)

/** Pushes events until the program would have to wait. Returns the last push. */
async function fill(
  outbox: NumberedOutbox,
  data: string,
): Promise<{ last: Promise<void>; count: number }> {
  for (let count = 1; ; count++) {
    let hasRoom = false
    const last = outbox.push(stdout(data))
    void last.then(() => (hasRoom = true))
    await flushMicrotasks()
    if (!hasRoom) return { last, count }
  }
}

describe('a numbered outbox', () => {
  it('sends the events after a number to a new connection, and then its end', async () => {
    const outbox = new NumberedOutbox()
    const [first, second] = [fakeConnection(), fakeConnection()]
    outbox.attach(first.connection, 0)
    for (const data of ['1', '2', '3']) await outbox.push(stdout(data))
    outbox.detach()
    await outbox.push(stdout('4'))
    outbox.finish(1000)
    expect(seqsOf(first.sent)).toEqual([1, 2, 3])
    expect(first.codes).toEqual([])
    outbox.attach(second.connection, 2)
    expect(seqsOf(second.sent)).toEqual([3, 4])
    expect(second.codes).toEqual([1000])
  })

  it('does not have events that the client has confirmed, and none of the future', async () => {
    const outbox = new NumberedOutbox()
    for (const data of ['1', '2', '3']) await outbox.push(stdout(data))
    outbox.acknowledge(2)
    expect([1, 2, 3, 4].map((after) => outbox.has(after))).toEqual([false, true, true, false])
  })

  it.each([
    ['large', 'x'.repeat(200_000), 7],
    ['tiny', '', 1200],
  ])('lets the program wait if the client does not confirm %s events', async (_, data, most) => {
    const outbox = new NumberedOutbox()
    const { last, count } = await fill(outbox, data)
    expect(count).toBeLessThan(most)
    outbox.acknowledge(count)
    await last
    const again = await fill(outbox, data)
    outbox.stop()
    await again.last
    await outbox.push(stdout(data))
  })
})
