import { randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** A change of the body of `POST /containers/create`. */
export interface Alteration {
  [key: string]: unknown
  HostConfig?: Readonly<Record<string, unknown>>
}

const CREATE = /^POST \S*\/containers\/create[? ]/

/**
 * Starts a proxy to the local engine for one test, and returns its address. The proxy changes each
 * container that is created through it.
 */
export async function alteredEngine(alteration: Alteration): Promise<string> {
  const address = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true })
    let held: Buffer = Buffer.alloc(0)
    client.on('data', (chunk) => {
      held = Buffer.concat([held, chunk])
      const ready = altered(held, alteration)
      if (!ready) return
      held = Buffer.alloc(0)
      engine.write(ready)
    })
    engine.on('data', (chunk) => client.write(chunk))
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from)
      from.on('end', () => to.end())
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(address, resolve)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `unix://${address}`
}

/** Returns the bytes to send; `undefined` if the request to create a container is not complete. */
function altered(held: Buffer, { HostConfig, ...rest }: Alteration): Buffer | undefined {
  const end = held.indexOf('\r\n\r\n')
  const head = held.toString('latin1', 0, end)
  if (!CREATE.test(held.toString('latin1', 0, 2048))) return held
  const [, length] = /^content-length: (\d+)/im.exec(head) ?? []
  const body = held.subarray(end + 4)
  if (end < 0 || body.length < Number(length)) return undefined
  const asked: Alteration = JSON.parse(body.toString())
  const changed = { ...asked, ...rest, HostConfig: { ...asked.HostConfig, ...HostConfig } }
  const text = Buffer.from(JSON.stringify(changed))
  const newHead = head.replace(/^(content-length: )\d+/im, `$1${text.length}`)
  return Buffer.concat([Buffer.from(`${newHead}\r\n\r\n`, 'latin1'), text])
}
