import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { WSEvents } from 'hono/ws'
import { WebSocket } from 'ws'
import { Conversation } from './conversation.js'
import { MessageClock } from './message-clock.js'
import { Refusal } from './refusal.js'

/** Each may hold a message and unread input, about 6 MiB together. */
const MAX_CONVERSATIONS = 100
/** How long no byte may go in either direction: longer than a program may run without output. */
const IDLE_MS = 120_000

/** For a WebSocketServer: a message is a program with its files, or input for it. */
export const WEBSOCKET_OPTIONS = {
  noServer: true,
  maxPayload: 1024 * 1024,
  // Each part of an unfinished message costs memory beside its bytes.
  maxFragments: 1024,
  maxBufferedChunks: 8192,
  // One packet can hold ten thousand messages: other connections get a turn between them.
  allowSynchronousEvents: false,
  /** A client that does not answer a close is cut off then, in milliseconds. */
  closeTimeout: 5000,
}

const conversations = new Set<Conversation>()

/** Refuses a WebSocket if there are too many. */
export const hasRoom = createMiddleware(async (_, next) => {
  if (conversations.size < MAX_CONVERSATIONS) return next()
  throw new Refusal(
    503,
    'BUSY',
    `this server has ${MAX_CONVERSATIONS} connections: try again later`,
  )
})

/**
 * A run that can be talked to. The client's first message is what it would post to `/run`; then it
 * sends `{ type: 'stdin', data }` or bytes, `{ type: 'eof' }`, `{ type: 'kill' }`. It gets the events
 * of `/run/stream`, a message each; after `exit` or `error` the server closes.
 */
export function interactive(c: Context<{ Bindings: HttpBindings }>): WSEvents {
  const transport = c.env.incoming.socket
  let conversation: Conversation | undefined
  let clock: MessageClock | undefined
  return {
    onOpen: (_, { raw }) => {
      if (!(raw instanceof WebSocket)) return
      transport.setTimeout(IDLE_MS, () => raw.terminate())
      const talk = new Conversation(raw)
      conversation = talk
      clock = new MessageClock(raw, transport, () => talk.refuse('a message that does not end'))
      conversations.add(talk)
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
