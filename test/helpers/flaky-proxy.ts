import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { onTestFinished } from 'vitest'

/** A proxy between a client and a server, which loses connections when a test wants it. */
export class FlakyProxy {
  /** Whether new connections are refused. */
  isDown = false
  /** The number of connections so far. */
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: () => number) {
    this.#server = createServer((client) => {
      this.connections++
      this.#add(client)
      if (this.isDown) return void client.resetAndDestroy()
      const server = this.#add(connect(port(), '127.0.0.1'))
      client.pipe(server).pipe(client)
      // `pipe()` passes the end of a connection on, but not its loss.
      server.on('error', () => client.resetAndDestroy())
      client.on('error', () => server.resetAndDestroy())
    })
  }

  /** Starts a proxy for one test. `port` returns the port of the server for each connection. */
  static async ofTest(port: () => number): Promise<FlakyProxy> {
    const proxy = new FlakyProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    onTestFinished(() => {
      proxy.cut()
      proxy.#server.close()
    })
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string')
      throw new Error('the proxy does not listen')
    return address.port
  }

  /** Loses all connections, with the bytes that are on their way. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #add(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.setNoDelay()
    socket.on('error', () => {}) // followed by close
    socket.on('close', () => {
      this.#sockets.delete(socket)
    })
    return socket
  }
}
