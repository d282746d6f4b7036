import { integer, record, constantFrom, sample } from 'fast-check'
import { expect, it } from 'vitest'
import type { CheckedRequest } from '../helpers/checked-client.js'
import { CheckedClient, WAYS } from '../helpers/checked-client.js'
import { within } from '../helpers/until.js'
import { serverOfTest } from './servers.js'

const CLIENTS = 1000
const AT_ONCE = 100

/** Clients that connect and vanish at random moments. They are the same in each run. */
const clientsOf = (ways: readonly CheckedRequest['way'][], count: number) =>
  sample(
    record<CheckedRequest>({
      way: constantFrom(...ways),
      language: constantFrom('python', 'nodejs'),
      leaveAfterMs: integer({ min: 0, max: 2000 }),
      pauseMs: integer({ min: 0, max: 100 }),
    }),
    { seed: 1, numRuns: count },
  )

it('a thousand clients that connect and vanish at random moments', async () => {
  const { server, healthy } = await serverOfTest({ runtime: 'runc', size: 2 })
  await healthy()
  const client = new CheckedClient(server.url)
  const left = clientsOf(WAYS, CLIENTS)
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = left.pop(); next; next = left.pop()) await client.send(next)
  })
  await within('all clients are gone', Promise.all(workers), 150_000)
  expect(client.counts.left).toBeGreaterThan(CLIENTS / 10)
  expect(client.counts.disconnected).toBeUndefined()
  await healthy()
})

it('SIGTERM in the middle of clients that connect and vanish', async () => {
  const { server, containers, healthy } = await serverOfTest({ runtime: 'runc', size: 2 })
  await healthy()
  const client = new CheckedClient(server.url)
  // No client uses a WebSocket, because it would try to connect again for 30 s.
  const clients = clientsOf(['plain', 'stream'], AT_ONCE)
  // It has a lease for several seconds.
  clients.push({ way: 'stream', language: 'python', pauseMs: 1000 })
  const all = Promise.all(clients.map((each) => client.send(each)))
  await server.untilLeased()
  const exit = server.end('SIGTERM')
  await within('no client waits', all, 30_000)
  expect(await exit).toBe(0)
  expect(await containers()).toEqual([])
})
