import { EventEmitter } from 'node:events'
import type { Context } from 'hono'

/**
 * The end of a response: `released` if its last byte was passed to the connection, `aborted` if the
 * client disconnected before that, `failed` if the handler or the body threw.
 */
export type ResponseEnd = 'released' | 'aborted' | 'failed'

/**
 * Returns the Node response of a request in `@hono/node-server`. Returns `undefined` if there is no
 * socket, as in `app.request()`, and for a WebSocket upgrade.
 */
export function outgoingOf(c: Context): EventEmitter | undefined {
  const outgoing: unknown = c.env?.outgoing
  return outgoing instanceof EventEmitter ? outgoing : undefined
}

/** Returns the socket of a request in `@hono/node-server`; `undefined` if there is none. */
export function socketOf(c: Context): EventEmitter | undefined {
  const socket: unknown = c.env?.incoming?.socket
  return socket instanceof EventEmitter ? socket : undefined
}

/**
 * Calls `onClose` once, when the response has ended: with `released` when its last byte is sent, or
 * with `aborted` when the client disconnects before that. The middleware ends its lease with this
 * function. Use it to count requests or to release resources of your own. Call it at any time
 * before the response ends.
 *
 * It watches both the response and its connection, because no single event of Node covers all
 * cases. For example, a pipelined response that waits for earlier responses emits no `close` event
 * if the connection is closed. The function needs the socket of `@hono/node-server`. Without a
 * socket, as in `app.request()` and for a WebSocket upgrade, it reports only an abort of the
 * request. It never reports `failed`, which is the reason of a lease whose handler threw.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { onResponseClose } from 'hono-sandbox/middleware'
 *
 * let open = 0
 * const app = new Hono()
 *   .use(async (c, next) => {
 *     open++
 *     onResponseClose(c, () => open--)
 *     await next()
 *   })
 *   .get('/open', (c) => c.json({ open }))
 * ```
 */
export function onResponseClose(c: Context, onClose: (end: ResponseEnd) => void): void {
  const outgoing = outgoingOf(c)
  if (outgoing) return watch(outgoing, socketOf(c), onClose)
  // The signal is used only without a socket: to read it, node-server must create a Request and an
  // AbortController.
  const { signal } = c.req.raw
  if (signal.aborted) onClose('aborted')
  else signal.addEventListener('abort', () => onClose('aborted'), { once: true })
}

/** Calls `onEnd` once, when the response or its connection is closed. */
function watch(
  outgoing: EventEmitter,
  socket: EventEmitter | undefined,
  onEnd: (end: ResponseEnd) => void,
): void {
  const isFinished = () => 'writableFinished' in outgoing && outgoing.writableFinished === true
  const end = () => {
    outgoing.off('close', end)
    stopListening()
    onEnd(isFinished() ? 'released' : 'aborted')
  }
  const stopListening = socket ? onConnectionClose(socket, end) : () => {}
  const isOver = [outgoing, socket].some(
    (each) => each && 'destroyed' in each && each.destroyed === true,
  )
  if (isOver) end()
  else outgoing.once('close', end)
}

/**
 * The callbacks of the open responses of a connection. Pipelined requests can have many responses.
 */
const callbacksOf = new WeakMap<EventEmitter, Set<() => void>>()

/** Calls `onEnd` when the connection is closed. Returns the function that removes the callback. */
function onConnectionClose(socket: EventEmitter, onEnd: () => void): () => void {
  const known = callbacksOf.get(socket)
  const responses = known ?? new Set()
  if (!known) {
    // The connection has one listener for all responses, because Node warns if there are more than
    // ten.
    callbacksOf.set(socket, responses)
    socket.once('close', () => responses.forEach((end) => end()))
  }
  responses.add(onEnd)
  return () => void responses.delete(onEnd)
}

/**
 * Calls `onEnd` once, when the body has been read completely, was cancelled or has failed. Use it
 * only for responses without a socket: node-server sends a body that is wrapped in this way more
 * slowly.
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
    // The stream reads one chunk and the end ahead, so a short body ends the lease even if it is
    // never read.
    new CountQueuingStrategy({ highWaterMark: 2 }),
  )
  c.res = new Response(watched, c.res)
}
