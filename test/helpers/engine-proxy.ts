import { randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** A proxy before the real engine, which can hang as a frozen engine does. */
export interface EngineProxy {
  address: string
  /** Stops all data in both directions, also on new connections. */
  freeze: () => void
  /** Passes all data again, also the data that was held back. Lost answers stay lost. */
  thaw: () => void
  /** Drops all answers. Requests still pass. */
  loseAnswers: () => void
}

/** Starts a proxy to the local socket of Docker for one test. */
export async function engineProxy(): Promise<EngineProxy> {
  const address = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  const sockets = new Set<Socket>()
  let isFrozen = false
  let dropsAnswers = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true })
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (from === client || !dropsAnswers) to.write(chunk)
      })
      from.on('end', () => to.end())
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      if (isFrozen) from.pause()
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(address, resolve)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    address: `unix://${address}`,
    freeze: () => {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw: () => {
      isFrozen = false
      dropsAnswers = false
      for (const socket of sockets) socket.resume()
    },
    loseAnswers: () => {
      dropsAnswers = true
    },
  }
}
