import { once } from 'node:events'
import { serve } from '@hono/node-server'
import type { CallToolResult } from '@modelcontextprotocol/client'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Hono } from 'hono'
import * as v from 'valibot'
import { onTestFinished } from 'vitest'
import { urlOf } from './http.js'

/** The revisions of the protocol that the server serves, as a client chooses them. */
export const REVISIONS = ['2026-07-28', 'legacy'] as const
export type Revision = (typeof REVISIONS)[number]

/** Serves an app on a socket for one test. Returns the address of its MCP server. */
export async function serveMcp(app: Hono): Promise<string> {
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
  return `${urlOf(server)}/mcp`
}

/** Returns a client that speaks one revision of the protocol. */
export function clientOf(revision: Revision): Client {
  const mode = revision === 'legacy' ? revision : { pin: revision }
  return new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } })
}

/** Connects the official client for one test. */
export async function connect(
  url: string,
  { revision = '2026-07-28', user }: { revision?: Revision; user?: string } = {},
): Promise<Client> {
  const client = clientOf(revision)
  const requestInit = user === undefined ? {} : { headers: { 'x-user': user } }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
  onTestFinished(() => client.close())
  return client
}

/** Returns the text of a result. */
export function textOf({ content }: CallToolResult): string {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n')
}

/** Starts a session with the tool, and returns its id. */
export async function startSession(client: Client, language = 'python'): Promise<string> {
  const result = await client.callTool({ name: 'start_session', arguments: { language } })
  if (result.isError) throw new Error(textOf(result))
  return v.parse(v.object({ session: v.string() }), result.structuredContent).session
}
