import { integer, record, constantFrom, sample } from 'fast-check'
import { expect, it } from 'vitest'
import { CheckedClient, WAYS } from '../helpers/checked-client.js'
import { until, within } from '../helpers/until.js'
import { serverOfTest } from './servers.js'

const CLIENTS = 1000
const AT_ONCE = 100

/** Clients that connect and vanish at random moments. A seed has fixed values. */
const clientsOf = (seed: number, count: number) =>
  sample(
    record({
      way: constantFrom(...WAYS),
      language: constantFrom('python' as const, 'nodejs' as const),
      leaveAfterMs: integer({ min: 0, max: 2000 }),
      pauseMs: integer({ min: 0, max: 100 }),
    }),
    { seed, numRuns: count },
  )

it('a thousand clients that connect and vanish at random moments', async () => {
  const { server, healthy } = await serverOfTest({ runtime: 'runc', size: 2 })
  await healthy()
  const client = new CheckedClient(server.url)
  const left = clientsOf(1, CLIENTS)
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = left.pop(); next; next = left.pop()) await client.send(next)
  })
  await within('all clients are gone', Promise.all(workers), 150_000)
  expect(client.counts.left).toBeGreaterThan(CLIENTS / 10)
  await healthy()
}, 200_000)

it('SIGTERM in the middle of clients that connect and vanish', async () => {
  const { server, containers, healthy } = await serverOfTest({ runtime: 'runc', size: 2 })
  await healthy()
  const client = new CheckedClient(server.url)
  const clients = clientsOf(2, AT_ONCE).map((each) => client.send(each))
  const all = Promise.all(clients)
  await until('some are answered', () => client.durations.length > 1)
  const exit = server.process.end('SIGTERM')
  await within('no client waits', all, 30_000)
  expect(await exit).toBe(0)
  expect(await containers()).toEqual([])
}, 100_000)
