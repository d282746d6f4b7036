import type { ServerType } from '@hono/node-server'

/** Returns the address of a server that listens. */
export function urlOf(server: ServerType): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `http://127.0.0.1:${address.port}`
}
