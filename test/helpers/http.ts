import type { ServerType } from '@hono/node-server'

/** Where a server that listens can be reached. */
export function urlOf(server: ServerType): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen')
  return `http://127.0.0.1:${address.port}`
}
