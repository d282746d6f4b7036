import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { ServerType } from '@hono/node-server'
import { serve, upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { closeStrayUpgrades } from 'hono-sandbox/middleware'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { urlOf } from '../../helpers/http.js'
import { until, within } from '../../helpers/until.js'

const KEY = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
const VERSION = 'Sec-WebSocket-Version: 13'

/** Returns a request for an upgrade. */
function upgradeRequest(path: string, upgrade: string, ...headers: string[]): string {
  const lines = [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: Upgrade']
  return [...lines, `Upgrade: ${upgrade}`, ...headers, '', ''].join('\r\n')
}

/** Upgrades that lead to no WebSocket, with the status of the response. */
const STRAYS: [name: string, request: string, status: number][] = [
  ['to another protocol', upgradeRequest('/', 'foo'), 400],
  ['to HTTP/2', upgradeRequest('/echo', 'h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'), 400],
  ['to an unknown path', upgradeRequest('/nowhere', 'websocket', KEY, VERSION), 404],
  ['to a path without a WebSocket', upgradeRequest('/plain', 'websocket', KEY, VERSION), 200],
  ['that a middleware refuses', upgradeRequest('/closed', 'websocket', KEY, VERSION), 403],
  ['whose handler throws', upgradeRequest('/broken', 'websocket', KEY, VERSION), 500],
  ['without a key', upgradeRequest('/echo', 'websocket', VERSION), 400],
  [
    'with an invalid key',
    upgradeRequest('/echo', 'websocket', 'Sec-WebSocket-Key: s', VERSION),
    400,
  ],
  [
    'with an invalid version',
    upgradeRequest('/echo', 'websocket', KEY, 'Sec-WebSocket-Version: 1'),
    400,
  ],
  ['with data after it', `${upgradeRequest('/', 'foo')}${'x'.repeat(300_000)}`, 400],
]

const echo = upgradeWebSocket(() => ({
  onMessage: ({ data }, socket) => socket.send(String(data)),
}))

function start(): ServerType {
  const app = new Hono()
    .use('/closed', async (c) => c.text('no', 403))
    .get('/echo', echo)
    .get('/plain', (c) => c.text('plain'))
    .get('/broken', () => {
      throw new Error('broken')
    })
    .get('/slow', () => new Promise(() => {}))
  app.onError((_, c) => c.text('broken', 500))
  const websocket = { server: new WebSocketServer({ noServer: true }) }
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', websocket })
  closeStrayUpgrades(server)
  return server
}

describe('an upgrade that leads to no WebSocket', () => {
  let server: ServerType
  beforeAll(async () => {
    server = start()
    await once(server, 'listening')
  })
  afterAll(() => server.close())

  /** Connects a client that keeps its side open when the server closes its own. */
  function openClient(): { socket: Socket; text: () => string; ended: Promise<unknown> } {
    const socket = connect({ port: Number(new URL(urlOf(server)).port), allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
    const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve))
    return { socket, text: () => text, ended }
  }
  const connections = async () =>
    new Promise<number>((resolve) => {
      server.getConnections((_, count) => resolve(count))
    })
  const allClosed = () =>
    until('the server has closed every connection', async () => (await connections()) === 0)

  it('is answered and closed, although the client may keep its side open', async () => {
    const clients = STRAYS.map(([name, request, status]) => {
      const client = openClient()
      client.socket.write(request)
      return { name, status, ...client }
    })
    const slow = openClient()
    for (const piece of upgradeRequest('/', 'foo').match(/.{1,20}/gs) ?? []) {
      slow.socket.write(piece)
      await new Promise(setImmediate)
    }
    const halfClosed = openClient()
    halfClosed.socket.end(upgradeRequest('/', 'foo'))
    // An upgrade behind a request without a response: the server closes both.
    const pipelined = openClient()
    pipelined.socket.write(
      `GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n${upgradeRequest('/', 'foo')}`,
    )
    const all = [...clients, slow, halfClosed, pipelined]
    const ended = Promise.all(all.map((client) => client.ended))
    await within('the server has answered every client', ended)
    await allClosed()
    for (const { name, status, text } of clients) {
      expect(text(), name).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    }
    for (const { text } of [slow, halfClosed]) expect(text()).toMatch(/^HTTP\/1.1 400 /)
  })

  it.each(STRAYS)('%s may be reset by the client at any time', async (_, request) => {
    for (const at of [0, 1, 2]) {
      const { socket, text } = openClient()
      await once(socket, 'connect')
      socket.write(request)
      if (at === 1) await until('it is answered', () => text() !== '' || socket.closed)
      if (at === 2) await new Promise(setImmediate)
      socket.resetAndDestroy()
    }
    await allClosed()
  })

  it('is closed if the server closes while it reads the request', async () => {
    const closing = start()
    await once(closing, 'listening')
    const accepting: Promise<Socket[]> = once(closing, 'connection')
    const socket = connect(Number(new URL(urlOf(closing)).port), '127.0.0.1')
    socket.on('error', () => {})
    const [head = '', tail = ''] = upgradeRequest('/', 'foo').split(/(?<=Host)/)
    socket.write(head)
    const [accepted] = await accepting
    await until('it is being read', () => accepted?.bytesRead === head.length)
    const closed = once(closing, 'close')
    closing.close()
    socket.write(tail)
    await within('the server closes', closed)
    socket.destroy()
  })
})

describe('a WebSocket of a server with closeStrayUpgrades', () => {
  it('works even after another WebSocket is reset', async () => {
    const server = start()
    await once(server, 'listening')
    const url = `${urlOf(server).replace('http', 'ws')}/echo`
    const [one, other] = [new WebSocket(url), new WebSocket(url)]
    await Promise.all([once(one, 'open'), once(other, 'open')])
    one.terminate()
    const answered = once(other, 'message')
    other.send('hello')
    expect(String((await within('an answer', answered))[0])).toBe('hello')
    other.close()
    await once(other, 'close')
    const closed = once(server, 'close')
    server.close()
    await within('the server closes', closed)
  })
})

describe('a server with closeStrayUpgrades but without WebSockets', () => {
  it('answers an upgrade as a normal request', async () => {
    const app = new Hono().get('/', (c) => c.text('plain'))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    closeStrayUpgrades(server)
    await once(server, 'listening')
    const socket = connect(Number(new URL(urlOf(server)).port), '127.0.0.1')
    socket.write(upgradeRequest('/', 'h2c'))
    const [bytes] = await within('an answer', once(socket, 'data'))
    expect(String(bytes)).toMatch(/^HTTP\/1.1 200 /)
    socket.destroy()
    server.close()
  })
})
