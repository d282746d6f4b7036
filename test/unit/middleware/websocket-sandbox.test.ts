import { upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { SandboxPool } from '../../../src/index.js'
import type { WebsocketSandboxOptions } from '../../../middleware/index.js'
import { websocketSandbox } from '../../../middleware/index.js'
import { fakeEngine } from '../../helpers/fake-engine.js'
import { callWith } from '../fakes/fake-agent.js'

const pool = new SandboxPool({ engine: fakeEngine() })
const HOST = 'code.example'

/** Asks for an upgrade without a socket. A request that is not refused gets 501. */
async function ask(headers: Record<string, string>, options: WebsocketSandboxOptions = {}) {
  const log: string[] = []
  const logger = { warn: (message: string) => void log.push(message) }
  const route = websocketSandbox(upgradeWebSocket, { pool, logger, ...options })
  const app = new Hono().get('/run', route)
  const response = await app.request(`http://${HOST}/run`, { headers: { host: HOST, ...headers } })
  return { response, log }
}

const upgrade = { upgrade: 'WebSocket' }

describe('websocketSandbox()', () => {
  it('passes a request without an upgrade to the next handler', async () => {
    expect((await ask({})).response.status).toBe(404)
  })

  it('answers with 501 if the server is not that of @hono/node-server', async () => {
    const { response, log } = await ask(upgrade)
    expect(response.status).toBe(501)
    expect(await response.json()).toMatchObject({ error: { code: 'SANDBOX_UPGRADE_UNSUPPORTED' } })
    expect(log).toEqual([expect.stringContaining('WebSocketServer')])
  })

  it.each<[string, number, WebsocketSandboxOptions['origins']]>([
    [`https://${HOST}`, 501, undefined],
    [`http://${HOST.toUpperCase()}:80`, 501, undefined],
    [`https://${HOST}:8443`, 403, undefined],
    [`https://${HOST}.evil.example`, 403, undefined],
    [`chrome-extension://${HOST}`, 403, undefined],
    ['null', 403, undefined],
    ['', 403, undefined],
    [`https://${HOST}`, 403, []],
    ['https://app.example', 501, (origin) => origin.endsWith('.example')],
  ])('answers a page of the origin "%s" with %i', async (origin, status, origins) => {
    const { response } = await ask({ ...upgrade, origin }, { origins })
    expect(response.status).toBe(status)
    if (status === 501) return
    expect(await response.text()).not.toContain('origins')
  })

  it.each([
    ['upgradeWebSocket', [{ language: 'python' }]],
    ['maxConversations', [upgradeWebSocket, { maxConversations: 0 }]],
    ['origins', [upgradeWebSocket, { origins: '*' }]],
    ['keepMs', [upgradeWebSocket, { keepMs: -1 }]],
    ['stallTimeoutMs', [upgradeWebSocket, { stallTimeoutMs: 1 }]],
  ])('refuses an invalid %s', (name, args) => {
    const call = () => callWith({ websocketSandbox }, 'websocketSandbox', ...args)
    expect(call).toThrow(expect.objectContaining({ code: 'SANDBOX_INVALID_OPTION' }))
    expect(call).toThrow(`websocketSandbox: ${name} is not`)
  })
})
