import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
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

/**
 * Sends the head of a request with a long body, and none of the body. Returns the status and the JSON of
 * the answer. A client that sends the body to the end may lose the answer, because a server that has
 * answered closes the connection after a while.
 */
export async function answerToHead(
  url: string,
  { method, headers }: { method: string; headers: Record<string, string | number> },
): Promise<[status: number | undefined, json: unknown]> {
  const call = request(url, { method, headers, agent: false })
  call.flushHeaders()
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve).once('error', reject)
  })
  const json: unknown = JSON.parse(await text(answer))
  call.destroy()
  return [answer.statusCode, json]
}
