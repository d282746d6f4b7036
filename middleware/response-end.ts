import { EventEmitter } from 'node:events'
import type { Context } from 'hono'

/**
 * How a response came to its end: `released` if its last byte was given to the connection, `aborted` if
 * the client went away before, `failed` if the handler or the body threw.
 */
export type ResponseEnd = 'released' | 'aborted' | 'failed'

/**
 * The server's side of a response under node-server; `undefined` where there is no socket, as in
 * `app.request()`, and on a WebSocket upgrade.
 */
export function outgoingOf(c: Context): EventEmitter | undefined {
  const outgoing: unknown = c.env?.outgoing
  return outgoing instanceof EventEmitter ? outgoing : undefined
}

/** The connection of a request under node-server. */
export function socketOf(c: Context): EventEmitter | undefined {
  const socket: unknown = c.env?.incoming?.socket
  return socket instanceof EventEmitter ? socket : undefined
}

/**
 * Calls `onClose` once, when the response is over, with success or without: its last byte is sent
 * (`released`), or its client or its connection is gone (`aborted`). The middleware ends its lease by
 * this; call it yourself to count or to release things of your own, at any time before the end.
 *
 * It watches the response and its connection, because no event of Node alone covers all cases: a
 * pipelined response that waits for the responses before it has no `close` event if the connection is
 * closed. It needs the socket of `@hono/node-server`. Without a socket, as in `app.request()`, it sees
 * only an abort of the request.
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
  // Only without a socket: the property costs node-server a Request and an AbortController.
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

/** The responses that wait for the end of a connection, which may be many: pipelined ones. */
const responsesOf = new WeakMap<EventEmitter, Set<() => void>>()

/** Calls `onEnd` when the connection is closed. Gives the function that takes it back. */
function onConnectionClose(socket: EventEmitter, onEnd: () => void): () => void {
  const known = responsesOf.get(socket)
  const responses = known ?? new Set()
  if (!known) {
    // One listener for the life of the connection: more than ten are a warning of Node's.
    responsesOf.set(socket, responses)
    socket.once('close', () => responses.forEach((end) => end()))
  }
  responses.add(onEnd)
  return () => void responses.delete(onEnd)
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
