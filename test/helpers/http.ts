import type { ServerType } from '@hono/node-server'

/** Returns the address of a server that listens. */
export function urlOf(server: ServerType): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen')
  return `http://127.0.0.1:${address.port}`
}

/**
 * Sends a request on a connection of its own. A connection that `fetch()` keeps has timers, which
 * would be fake in another test file.
 */
export function fetchOnce(url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('connection', 'close')
  return fetch(url, { ...init, headers })
}
