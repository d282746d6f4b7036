import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** An engine that answers every call with the same, and remembers what it was asked. */
export async function fakeDocker(answer: unknown): Promise<{ address: string; calls: string[] }> {
  const socket = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  const calls: string[] = []
  const server = createServer((request, response) => {
    calls.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve)
  })
  onTestFinished(() => void server.close())
  return { address: `unix://${socket}`, calls }
}
