import { randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** The real engine behind a socket of the test's own, which can hang as a frozen engine does. */
export interface EngineProxy {
  address: string
  /** From now on nothing passes, in either direction, also on new connections. */
  freeze: () => void
  /** All passes again, also what was held back. What was lost is lost. */
  thaw: () => void
  /** From now on answers do not come back; requests pass. */
  loseAnswers: () => void
}

/** Makes one for one test. It leads to the local socket of Docker. */
export async function engineProxy(): Promise<EngineProxy> {
  const address = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  const sockets = new Set<Socket>()
  let isFrozen = false
  let losesAnswers = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true })
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (from === client || !losesAnswers) to.write(chunk)
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
      losesAnswers = false
      for (const socket of sockets) socket.resume()
    },
    loseAnswers: () => {
      losesAnswers = true
    },
  }
}
