import { setDeadline } from '../src/util/deadline.js'
import { uploadTimeout } from './upload-error.js'

/** A client that sends at least so much is never cut. */
const MIN_BYTES_PER_SECOND = 1024

/**
 * The body of a client that must not stall: an upload holds a sandbox. Only the time in which the
 * server waits for the client counts. It may be `stallTimeoutMs` at most, and each byte that comes
 * gives a part of it back: a client that sends a byte now and then gains nothing.
 */
export function withStallLimit(
  body: ReadableStream<Uint8Array>,
  stallTimeoutMs: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let leftMs = stallTimeoutMs
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const since = performance.now()
        const late = setDeadline(leftMs, () => {
          const error = uploadTimeout(stallTimeoutMs, MIN_BYTES_PER_SECOND)
          controller.error(error)
          void reader.cancel(error).catch(() => {})
        })
        const { done, value } = await reader.read().finally(late.clear)
        if (done) return controller.close()
        const gainedMs = (value.length / MIN_BYTES_PER_SECOND) * 1000
        leftMs = Math.min(stallTimeoutMs, leftMs - (performance.now() - since) + gainedMs)
        controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
