import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { attach } from '../../../../src/engine/kubernetes/attachment.js'
import { urlOf } from '../../../helpers/http.js'

/** The age at which the client reads the file of a token again. */
const REFRESH_MS = 61_000

/** Returns a server that knows one token, and the status of each answer. */
async function serverWith(current: { token: string }) {
  const statuses: number[] = []
  const http = createServer(({ headers }, response) => {
    const isKnown = headers.authorization === `Bearer ${current.token}`
    const status = isKnown ? 200 : 401
    statuses.push(status)
    const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] }
    const refusal = { kind: 'Status', apiVersion: 'v1', message: 'Unauthorized' }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isKnown ? list : refusal))
  })
  http.on('upgrade', ({ headers }, socket) => {
    const isKnown = headers.authorization === `Bearer ${current.token}`
    statuses.push(isKnown ? 404 : 401)
    socket.end(`HTTP/1.1 ${isKnown ? 404 : 401} No\r\ncontent-length: 0\r\n\r\n`)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => void http.close())
  return { url: urlOf(http), statuses }
}

it('a token that the kubelet replaces is read again, for calls and for attachments', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-token-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [tokenFile, kubeconfig] = [path.join(folder, 'token'), path.join(folder, 'config')]
  const current = { token: 'first' }
  writeFileSync(tokenFile, current.token)
  const { url, statuses } = await serverWith(current)
  const provider = { name: 'tokenFile', config: { tokenFile } }
  const config = {
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { 'auth-provider': provider } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const engine = createKubernetesEngine({ kubeconfig })
  onTestFinished(() => engine.close())
  const sweep = () => engine.sweep({ owner: 'ours', isLaunching: () => false })
  await sweep()

  current.token = 'second'
  writeFileSync(tokenFile, current.token)
  await expect(sweep()).rejects.toMatchObject({
    code: 'SANDBOX_ENGINE_FAILED',
    suggestion: 'Renew the credentials of the kubeconfig',
  })
  vi.setSystemTime(Date.now() + REFRESH_MS)
  await sweep()
  const client = new KubeConfig()
  client.loadFromFile(kubeconfig)
  const attaching = attach(client, { namespace: 'n', pod: 'p' }, new AbortController().signal)
  await expect(attaching).rejects.toMatchObject({ code: 404 })
  expect(statuses).toEqual([200, 401, 200, 404])
})
