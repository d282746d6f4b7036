import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import type { WebSocketLike } from '../../../src/client/index.js'
import { Conversation } from '../../../middleware/conversation.js'
import type { Route } from '../../../middleware/conversation.js'

/** The end of a connection at the server, as far as a conversation uses it. */
class ServerSocket extends EventEmitter {
  readyState = 1
  isPaused = false
  readonly sent: string[] = []
  onClosed = (_code: number): void => {}

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  send(text: string, onSent: () => void): void {
    if (this.readyState === 1) this.sent.push(text)
    onSent()
  }

  close(code: number): void {
    if (this.readyState !== 1) return
    this.readyState = 2
    this.onClosed(code)
  }

  terminate(): void {
    this.close(1006)
  }
}

type Listeners = Partial<Record<string, (event: { data: unknown; code: number }) => void>>

/** The end of a connection at the client. */
class ClientSocket implements WebSocketLike {
  readonly sent: (string | Uint8Array)[] = []
  readonly listeners: Listeners = {}
  onClosed = (_code: number): void => {}

  addEventListener(type: string, listener: (event: { data: unknown; code: number }) => void): void {
    this.listeners[type] = listener
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data)
  }

  close(code = 1005): void {
    this.onClosed(code)
  }

  emit(type: string, event: Partial<{ data: unknown; code: number }> = {}): void {
    this.listeners[type]?.({ data: undefined, code: 0, ...event })
  }
}

/**
 * A network between a client and the conversations of a route. A test moves the messages, and can
 * lose a connection with the messages that are on their way.
 */
export class FakeNetwork {
  /** Whether new connections fail. */
  isDown = false
  connections = 0
  readonly #route: Route
  #link: { client: ClientSocket; server: ServerSocket; conversation: Conversation } | undefined
  readonly #transports: Socket[] = []

  constructor(route: Route) {
    this.#route = route
  }

  readonly connect = (): WebSocketLike => {
    this.connections++
    const client = new ClientSocket()
    queueMicrotask(() => (this.isDown ? client.emit('close', { code: 1006 }) : this.#open(client)))
    return client
  }

  /** Delivers some of the messages that are on their way to the server, or to the client. */
  deliver(to: 'server' | 'client', count: number): void {
    const link = this.#link
    if (!link) return
    if (to === 'server') {
      for (const data of link.client.sent.splice(0, count)) link.conversation.take(received(data))
    } else
      for (const data of link.server.sent.splice(0, count)) link.client.emit('message', { data })
  }

  /** Loses the connection, which both ends notice. Returns whether there was one. */
  cut(): boolean {
    const hadLink = this.#link !== undefined
    this.#close({ server: 1006, client: 1006 })
    return hadLink
  }

  end(): void {
    this.cut()
    for (const transport of this.#transports) transport.destroy()
  }

  #open(client: ClientSocket): void {
    const server = new ServerSocket()
    const transport = new Socket()
    this.#transports.push(transport)
    const conversation = new Conversation({ connection: server, transport }, this.#route, undefined)
    const link = { client, server, conversation }
    this.#link = link
    server.onClosed = (code) => {
      this.deliver('client', Number.POSITIVE_INFINITY)
      if (this.#link === link) this.#close({ server: code, client: code })
      else conversation.end(code)
    }
    client.onClosed = (code) => {
      if (this.#link === link) this.#close({ server: code, client: code })
    }
    client.emit('open')
  }

  #close(codes: { server: number; client: number }): void {
    const link = this.#link
    if (!link) return
    this.#link = undefined
    link.server.readyState = 3
    link.conversation.end(codes.server)
    link.client.emit('close', { code: codes.client })
  }
}

/** Returns a message as Hono passes it: text, or an `ArrayBuffer`. */
function received(data: string | Uint8Array): string | ArrayBuffer {
  return typeof data === 'string' ? data : Uint8Array.from(data).buffer
}
