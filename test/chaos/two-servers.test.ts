import { integer, sample } from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { CheckedClient } from '../helpers/checked-client.js'
import { ChaosServer, RECOVERY_MS } from '../helpers/chaos-server.js'
import { containersOf, ownerOf } from '../helpers/engine.js'
import { until } from '../helpers/until.js'
import { Load } from './load.js'
import { serverOfTest } from './servers.js'

const RESTARTS = 8

it('a server beside one that restarts for ever loses nothing', async () => {
  const { server, healthy } = await serverOfTest({ runtime: 'runc', size: 2 })
  await healthy()
  const client = new CheckedClient(server.url)
  const load = new Load([client], 20)
  const owners: string[] = []
  // The server is killed while it starts, or soon afterwards.
  const lives = sample(integer({ min: 0, max: 2500 }), { seed: 3, numRuns: RESTARTS })
  for (const [at, ms] of lives.entries()) {
    const other = new ChaosServer({ runtime: 'runc', size: 2 })
    const started = other.process.started().then(
      async () => owners.push(ownerOf(await other.run())),
      () => {},
    )
    await sleep(ms)
    await other.end(at % 2 === 0 ? 'SIGKILL' : 'SIGTERM')
    await started.catch(() => {})
  }
  await load.end()
  expect(client.counts).toEqual({ answered: client.durations.length })
  await healthy()
  for (const owner of owners) {
    const isGone = async () => (await containersOf(owner)).length === 0
    await until('no container is left', isGone, RECOVERY_MS)
  }
}, 300_000)
