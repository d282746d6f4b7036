import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { WSEvents } from 'hono/ws'
import { WebSocket } from 'ws'
import { Conversation } from './conversation.js'
import { MessageClock } from './message-clock.js'
import { Refusal } from './refusal.js'

/**
 * The maximum number of conversations. Each one can need about 6 MiB: a message and unread input.
 */
const MAX_CONVERSATIONS = 100
/**
 * The time without traffic after which a connection is closed. It is longer than a program may run
 * without output.
 */
const IDLE_MS = 120_000

/** The options of the `WebSocketServer`. A message is a program with its files, or input for it. */
export const WEBSOCKET_OPTIONS = {
  noServer: true,
  maxPayload: 1024 * 1024,
  // Limited, because each part of an unfinished message needs memory besides its bytes.
  maxFragments: 1024,
  maxBufferedChunks: 8192,
  // One packet can hold ten thousand messages. With `false`, each message has its own turn of the
  // event loop, and other connections are served in between.
  allowSynchronousEvents: false,
  // In milliseconds. A client that does not answer a close frame is disconnected after this time.
  closeTimeout: 5000,
}

const conversations = new Set<Conversation>()

/** A middleware that refuses a new WebSocket if there are too many conversations. */
export const hasRoom = createMiddleware(async (_, next) => {
  if (conversations.size < MAX_CONVERSATIONS) return next()
  throw new Refusal(
    503,
    'BUSY',
    `the server has ${MAX_CONVERSATIONS} conversations, which is the maximum: try again later`,
  )
})

/**
 * Handles the WebSocket of an interactive run. The first message of the client is JSON, the same as
 * the body of `POST /run`. Later messages are input for the program, `{ type: 'stdin', data }` or
 * bytes, or `{ type: 'eof' }` or `{ type: 'kill' }`. The server sends each event of `/run/stream`
 * as a message, and closes the connection after `exit` or `error`.
 */
export function interactive(c: Context<{ Bindings: HttpBindings }>): WSEvents {
  const transport = c.env.incoming.socket
  let conversation: Conversation | undefined
  let clock: MessageClock | undefined
  return {
    onOpen: (_, { raw }) => {
      if (!(raw instanceof WebSocket)) return
      transport.setTimeout(IDLE_MS, () => raw.terminate())
      const opened = new Conversation(raw)
      conversation = opened
      const onLate = () => opened.refuse('the message did not end in time')
      clock = new MessageClock(raw, transport, onLate)
      conversations.add(opened)
    },
    onMessage: ({ data }) => {
      clock?.message()
      conversation?.take(data)
    },
    onClose: () => {
      clock?.stop()
      if (!conversation) return
      conversation.end()
      conversations.delete(conversation)
    },
  }
}
