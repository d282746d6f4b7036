import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { CheckedClient } from '../helpers/checked-client.js'
import { FAULTS, FaultyProxy } from '../helpers/faulty-proxy.js'
import { until } from '../helpers/until.js'
import { Load } from './load.js'
import { serverOfTest } from './servers.js'

const ENGINE = '/var/run/docker.sock'
const FAULT_MS = 3000

async function proxiedServer() {
  const proxy = await FaultyProxy.start(ENGINE)
  onTestFinished(() => proxy.close())
  const env = { DOCKER_HOST: proxy.address }
  return { proxy, ...(await serverOfTest({ runtime: 'runc', size: 2, env })) }
}

it('an engine that fails in each way in turn while the pool works', async () => {
  const { proxy, server, healthy } = await proxiedServer()
  for (const fault of [...FAULTS, 'cut'] as const) {
    const client = new CheckedClient(server.url)
    const load = new Load([client], 20)
    if (fault === 'cut') proxy.cut()
    else proxy.fault = fault
    // The engine fails for a time, whatever the pool does meanwhile.
    await sleep(FAULT_MS)
    proxy.fault = undefined
    await load.end()
    await healthy()
    expect(client.counts.disconnected, fault).toBeUndefined()
  }
}, 240_000)

it('an engine whose events are lost with their connection', async () => {
  const { proxy, server, healthy } = await proxiedServer()
  await healthy()
  proxy.mute('/events')
  const connections = () => proxy.requests('/events')
  const before = connections()
  await server.run()
  await until('the server asks for the events again', () => connections() > before)
  await healthy()
})
