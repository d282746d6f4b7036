import { spend } from '../src/util/loop-turn.js'
import type { EventFormat, StreamEvent } from './event-format.js'

/**
 * Events as bytes. It takes the next one when it is read and no sooner, so that a slow reader slows
 * whoever makes them, and a heartbeat is only for a reader that waits.
 */
export function eventStream(
  events: AsyncGenerator<StreamEvent, void, undefined>,
  { encode }: EventFormat,
  heartbeatMs: number,
  onCancel: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  // Asked for at once: whoever else wants the output of the program comes too late.
  let next: ReturnType<typeof events.next> | undefined = events.next()
  // It may fail before anybody reads, and then it is told to whoever does.
  next.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const heartbeat = () =>
    new Promise<StreamEvent>((resolve) => {
      timer = setTimeout(resolve, heartbeatMs, { type: 'heartbeat' })
      timer.unref()
    })

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        next ??= events.next()
        const result = next.then(({ value }) => value)
        const event = await Promise.race(heartbeatMs > 0 ? [result, heartbeat()] : [result])
        clearTimeout(timer)
        if (event?.type !== 'heartbeat') next = undefined
        const began = performance.now()
        if (event) controller.enqueue(encoder.encode(encode(event)))
        spend(began)
        if (!event || event.type === 'exit' || event.type === 'error') controller.close()
      },
      cancel() {
        clearTimeout(timer)
        onCancel()
        // Not awaited: it waits for the event that is on its way.
        void events.return().catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}
