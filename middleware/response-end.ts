import { EventEmitter } from 'node:events'
import type { Context } from 'hono'

/** How a response came to its end. */
export type ResponseEnd = 'released' | 'aborted' | 'failed'

/**
 * The server's side of a response under node-server; `undefined` where there is no socket, as in
 * `app.request()`, and on a WebSocket upgrade.
 */
export function outgoingOf(c: Context): EventEmitter | undefined {
  const outgoing: unknown = c.env?.outgoing
  return outgoing instanceof EventEmitter ? outgoing : undefined
}

/**
 * Calls `onEnd` once, when nobody can get the response any more: its socket is closed, or, where
 * there is none, the request was aborted.
 */
export function onGone(c: Context, onEnd: (end: ResponseEnd) => void): void {
  const outgoing = outgoingOf(c)
  if (outgoing) return onClose(outgoing, onEnd)
  // Only without a socket: the property costs node-server a Request and an AbortController.
  const { signal } = c.req.raw
  if (signal.aborted) onEnd('aborted')
  else signal.addEventListener('abort', () => onEnd('aborted'), { once: true })
}

/**
 * Calls `onEnd` once, when the socket is done with the response. `close` is the one event that comes
 * in every case: a stream, a disconnect, HEAD, compression, a response somebody replaced.
 */
function onClose(outgoing: EventEmitter, onEnd: (end: ResponseEnd) => void): void {
  const isFinished = () => 'writableFinished' in outgoing && outgoing.writableFinished === true
  const end = () => onEnd(isFinished() ? 'released' : 'aborted')
  if ('closed' in outgoing && outgoing.closed === true) end()
  else outgoing.once('close', end)
}

/**
 * Calls `onEnd` once, when the body has been read, cancelled or has failed. Only for responses with
 * no socket: wrapping a body costs node-server its fast path.
 */
export function onBodyEnd(c: Context, onEnd: (end: ResponseEnd) => void): void {
  const body = c.res.body
  if (!body) return onEnd('released')
  const reader = body.getReader()
  const watched = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          onEnd('released')
          controller.close()
        } catch (error) {
          onEnd('failed')
          controller.error(error)
        }
      },
      async cancel(reason) {
        onEnd('aborted')
        await reader.cancel(reason)
      },
    },
    // One piece and the end are read ahead: a body that nobody reads ends the lease as well.
    new CountQueuingStrategy({ highWaterMark: 2 }),
  )
  c.res = new Response(watched, c.res)
}
