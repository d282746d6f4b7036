import { spend } from '../src/util/loop-turn.js'
import type { EventFormat } from './event-format.js'
import type { StreamEvent } from './stream-event.js'

/**
 * Returns a stream with the bytes of the events. It requests the next event only when the stream is
 * read. So a slow reader slows the source of the events, and only a waiting reader gets a
 * heartbeat. `onCancel` is called if the reader cancels the stream.
 */
export function eventStream(
  events: AsyncGenerator<StreamEvent, void, undefined>,
  { encode }: EventFormat,
  heartbeatMs: number,
  onCancel: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  // The first event is requested immediately, so that no other consumer can take the output of the
  // program.
  let next: ReturnType<typeof events.next> | undefined = events.next()
  // The promise may reject before the stream is read. pull() then reports the error to the reader.
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
        // The promise is not awaited, because it waits for the next event.
        void events.return().catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}
