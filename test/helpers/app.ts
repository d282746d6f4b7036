import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import type { ServerType } from '@hono/node-server'
import { serve } from '@hono/node-server'
import { onTestFinished } from 'vitest'
import type { LeaseEnd, Released, SandboxPool } from '../../src/index.js'
import { urlOf } from './http.js'
import { until } from './until.js'

/** Serves an app for one test, and gives its address. */
export async function listen(app: Pick<Parameters<typeof serve>[0], 'fetch'>): Promise<string> {
  const server: ServerType = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return urlOf(server)
}

/** Asks for a URL and reads nothing of the body yet. */
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

/** Reads the head and one piece of the body, then hangs up. */
export async function hangUp(url: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await open(url, headers)
  await once(response, 'data')
  response.destroy()
}

/** How a lease of one test has ended, when it has. */
export function endOfLease(
  pool: SandboxPool,
): () => Promise<{ how: LeaseEnd; released: Released }> {
  const ends: { how: LeaseEnd; released: Released }[] = []
  const note = ({ how, released }: { how: LeaseEnd; released: Released }) => {
    ends.push({ how, released })
  }
  pool.on('ended', note)
  onTestFinished(() => void pool.off('ended', note))
  return async () => {
    await until('the lease has ended', () => ends.length > 0)
    const [end] = ends
    if (!end || ends.length > 1) throw new Error(`not one lease has ended, but ${ends.length}`)
    return end
  }
}
