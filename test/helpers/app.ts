import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import type { ServerType } from '@hono/node-server'
import { serve } from '@hono/node-server'
import { onTestFinished } from 'vitest'
import type { LeaseEnd, Released, SandboxPool } from '../../src/index.js'
import { urlOf } from './http.js'
import { until } from './until.js'

/** Serves an app for one test, and returns its address. */
export async function listen(app: Pick<Parameters<typeof serve>[0], 'fetch'>): Promise<string> {
  const server: ServerType = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return urlOf(server)
}

/** Requests a URL, and returns the response before its body is read. */
export async function open(
  url: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const request = get(url, { headers })
  request.on('error', () => {})
  const [response]: IncomingMessage[] = await once(request, 'response')
  if (!response) throw new Error('there is no response')
  response.on('error', () => {})
  return response
}

/** Reads the head and one piece of the body, then closes the connection. */
export async function hangUp(url: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await open(url, headers)
  await once(response, 'data')
  response.destroy()
}

/** Waits for the end of the one lease of a test, and returns how it ended. */
export function endOfLease(
  pool: SandboxPool,
): () => Promise<{ how: LeaseEnd; released: Released }> {
  const ends: { how: LeaseEnd; released: Released }[] = []
  const addEnd = ({ how, released }: { how: LeaseEnd; released: Released }) => {
    ends.push({ how, released })
  }
  pool.on('ended', addEnd)
  onTestFinished(() => void pool.off('ended', addEnd))
  return async () => {
    await until('the lease has ended', () => ends.length > 0)
    const [end] = ends
    if (!end || ends.length > 1) throw new Error(`${ends.length} leases have ended, expected one`)
    return end
  }
}
