import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { KubeConfig } from '@kubernetes/client-node'
import { onTestFinished } from 'vitest'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { urlOf } from './http.js'

/** Returns the configuration of a client for an API server without TLS. */
export function configFor(server: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'fake', server, skipTLSVerify: true }],
    users: [{ name: 'fake', token: 'secret' }],
    contexts: [{ name: 'fake', cluster: 'fake', user: 'fake' }],
    currentContext: 'fake',
  })
  return config
}

/**
 * The attach endpoint of an API server, before a program that echoes its stdin. Version 5 of the
 * protocol ends stdin by a message, version 4 by the end of the connection.
 */
export class FakeAttach {
  /** The query of each connection. */
  readonly queries: URLSearchParams[] = []
  readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(this.#protocol) ? this.#protocol : false),
  })
  readonly #protocol: string
  /** The connection that carries the input. */
  input: WebSocket | undefined
  /** The connection that carries the output. */
  output: WebSocket | undefined
  url = ''
  /** Whether the program has exited by itself. */
  hasExited = false

  constructor(version: 'v4' | 'v5') {
    this.#protocol = `${version}.channel.k8s.io`
  }

  async listen(refusal?: { status: number; body: string }): Promise<this> {
    const http = createServer()
    http.on('upgrade', (request: IncomingMessage, socket, head) => {
      if (refusal) {
        const { status, body } = refusal
        return socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      }
      this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, request))
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    onTestFinished(() => {
      for (const client of this.#server.clients) client.terminate()
      http.close()
    })
    this.url = urlOf(http)
    return this
  }

  get open(): number {
    return this.#server.clients.size
  }

  /** Sends output. Resolves when the connection has taken it. */
  send(stream: 1 | 2, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.output?.send(Buffer.concat([Buffer.of(stream), bytes]), () => resolve())
    })
  }

  /** The program exits when its stdin ends: it writes a last line. */
  async #stdinEnded(): Promise<void> {
    await this.send(1, Buffer.from('stdin has ended\n'))
    this.output?.close()
  }

  #accept(ws: WebSocket, { url = '' }: IncomingMessage): void {
    const query = new URL(url, 'http://localhost').searchParams
    this.queries.push(query)
    if (query.get('stdout') === 'true') this.output = ws
    this.input = ws
    ws.on('message', (message: Buffer) => {
      if (message[0] === 255) void this.#stdinEnded()
      else void this.send(1, message.subarray(1))
    })
    ws.on('close', () => {
      if (!this.hasExited) void this.#stdinEnded()
    })
  }
}
