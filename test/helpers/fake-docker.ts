import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** The answer to one call: a body, a closed connection (`lost`), or no answer (`never`). */
export type FakeAnswer = { status?: number; body: unknown } | 'lost' | 'never'

/** Starts a fake of Docker's HTTP API for one test. `calls` has the calls, as `GET /info`. */
export async function fakeDocker(
  answerTo: (call: string) => FakeAnswer,
): Promise<{ address: string; calls: string[] }> {
  const socket = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  const calls: string[] = []
  const server = createServer((request, response) => {
    const call = `${request.method} ${decodeURIComponent(request.url ?? '')}`
    calls.push(call)
    const answer = answerTo(call)
    if (answer === 'lost') request.socket.destroy()
    if (typeof answer === 'string') return
    response.statusCode = answer.status ?? 200
    response.setHeader('content-type', 'application/json')
    response.end(response.statusCode === 204 ? undefined : JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve)
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { address: `unix://${socket}`, calls }
}
