import * as v from 'valibot'
import { expect, it, onTestFinished } from 'vitest'
import { fetchOnce } from '../helpers/http.js'
import { ServerControl } from '../helpers/server-control.js'
import { ServerProcess } from '../helpers/server.js'
import { until } from '../helpers/until.js'
import { growthOf, medianOf } from '../soak/report.js'

const LEASES = 2000
/** Every fourth lease uses its container, which is replaced. A launch takes 100 times as long as the rest. */
const USED_OF = 4
/** The leases before the first measurement. */
const WARM_UP = 200
/** The used leases of each server whose durations are compared. */
const COMPARED = 50
const AT_ONCE = 4

const Stats = v.object({ idle: v.number(), leased: v.number(), recycling: v.number() })

it('memory, descriptors and durations after 2,000 leases are what they were', async () => {
  const server = await LeaseServer.ofTest()
  await lease(WARM_UP, [server])
  const before = await server.control.measure()
  await lease(LEASES, [server])
  const after = await server.control.measure()
  // The durations are compared with those of a fresh server at the same time, because the load of the
  // machine changes.
  const fresh = await LeaseServer.ofTest()
  await lease(WARM_UP, [fresh])
  for (const { durations } of [server, fresh]) durations.splice(0)
  await lease(COMPARED * USED_OF, [server, fresh])
  const [median = 0, ofFresh = 0] = [server, fresh].map((each) => medianOf(each.durations))
  expect(growthOf({ ...before, median: ofFresh }, { ...after, median })).toEqual([])
  for (const { process } of [server, fresh]) expect(process.lines).toEqual([])
}, 500_000)

/** Sends this number of requests to each server in turn, and waits until their pools are full. */
async function lease(count: number, servers: readonly LeaseServer[]): Promise<void> {
  let left = count
  const loops = Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) {
      const kind = left % USED_OF === 0 ? 'used' : 'unused'
      for (const server of servers) await server.request(kind)
    }
  })
  await Promise.all(loops)
  await until('the pools are full', async () => {
    return (await Promise.all(servers.map((server) => server.isFull()))).every(Boolean)
  })
}

class LeaseServer {
  readonly control = new ServerControl()
  readonly process = new ServerProcess(process.execPath, ['test/helpers/lease-server.mjs'], {
    env: this.control.env,
  })
  /** The durations of the requests that used their lease, in milliseconds. */
  readonly durations: number[] = []

  static async ofTest(): Promise<LeaseServer> {
    const server = new LeaseServer()
    onTestFinished(async () => {
      await server.process.end('SIGTERM')
      server.control.forget()
    })
    await server.process.started()
    return server
  }

  async request(kind: 'used' | 'unused'): Promise<void> {
    const since = performance.now()
    const answer = await fetchOnce(`${this.process.url}/${kind}`)
    expect(await answer.text()).toBe(`${kind}\n`)
    if (kind === 'used') this.durations.push(performance.now() - since)
  }

  async isFull(): Promise<boolean> {
    const answer = await fetchOnce(`${this.process.url}/stats`)
    const { idle, leased, recycling } = v.parse(Stats, await answer.json())
    return idle === 3 && leased === 0 && recycling === 0
  }
}
