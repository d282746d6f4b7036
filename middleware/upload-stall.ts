import { setDeadline } from '../src/util/deadline.js'
import { uploadTimeout } from './upload-error.js'

/** A client that sends at this rate or faster never exceeds the limit. */
const MIN_BYTES_PER_SECOND = 1024

/**
 * Returns a body that fails if its client stalls, because an upload occupies a sandbox. Only the time
 * for which the server waits for the client counts. The client may use
 * `stallTimeoutMs` of it, and each received byte adds a fixed part of that time again. So a client
 * that sends a single byte from time to time still exceeds the limit.
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
