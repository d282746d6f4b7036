import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createDockerEngine } from '../../../src/engine/docker/docker-engine.js'
import { specOf } from '../../helpers/launch-spec.js'
import { until } from '../../helpers/until.js'

it('launch() closes the connection of an attach that the engine does not upgrade', async () => {
  const socketPath = path.join(tmpdir(), `hono-sandbox-test-${randomBytes(4).toString('hex')}.sock`)
  let attached = 0
  let open = 0
  const server = createServer((request, response) => {
    if (request.url?.includes('/create')) {
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"Id":"one"}')
    } else if (request.url?.startsWith('/images/')) {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    } else response.writeHead(204).end()
  }).listen(socketPath)
  server.on('upgrade', (_, socket) => {
    attached++
    open++
    socket
      .once('end', () => open--)
      .on('error', () => {})
      .resume()
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nx')
  })
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const engine = createDockerEngine({ address: `unix://${socketPath}` })
  const launching = engine.launch(specOf())
  await expect(launching).rejects.toMatchObject({
    code: 'SANDBOX_ENGINE_FAILED',
    message: expect.stringContaining('did not upgrade'),
  })
  expect(attached).toBe(1)
  await until('the connection of the attach is closed', () => open === 0)
  engine.close()
})
