import { expect, it } from 'vitest'
import { CheckedClient } from '../helpers/checked-client.js'
import { growthOf, p99Of } from '../soak/report.js'
import { serverOfTest } from './servers.js'

const LEASES = 2000
const WARM_UP = 100
/** The leases whose durations are compared, at the start and at the end. */
const COMPARED = 300
const AT_ONCE = 4

it('memory, descriptors and durations after 2,000 leases are what they were', async () => {
  const { server, healthy } = await serverOfTest({ runtime: 'runc', size: 3 })
  const client = new CheckedClient(server.url)
  const lease = async (count: number) => {
    let left = count
    const loops = Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0)
        expect(await client.send({ way: 'plain', language: 'python' })).toBe('answered')
    })
    await Promise.all(loops)
    await healthy()
  }
  const measure = async () => {
    const p99 = p99Of(client.durations.slice(-COMPARED))
    return { ...(await server.control.measure()), p99 }
  }

  await lease(WARM_UP)
  await lease(COMPARED)
  const before = await measure()
  await lease(LEASES - COMPARED)
  expect(growthOf(before, await measure())).toEqual([])
}, 400_000)
