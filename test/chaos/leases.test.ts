import * as v from 'valibot'
import { expect, it, onTestFinished } from 'vitest'
import { fetchOnce } from '../helpers/http.js'
import { ServerControl } from '../helpers/server-control.js'
import { ServerProcess } from '../helpers/server.js'
import { until } from '../helpers/until.js'
import { growthOf, p99Of } from '../soak/report.js'

const LEASES = 2000
/** Every fourth lease uses its container, which is replaced. A launch takes 100 times as long as the rest. */
const USED_OF = 4
/** The leases before the first measurement. */
const WARM_UP = 400
/** The used leases whose durations are compared. */
const COMPARED = 100
const AT_ONCE = 4

const Stats = v.object({ idle: v.number(), leased: v.number(), recycling: v.number() })

it('memory, descriptors and durations after 2,000 leases are what they were', async () => {
  const control = new ServerControl()
  onTestFinished(() => control.forget())
  const script = 'test/helpers/lease-server.mjs'
  const server = new ServerProcess(process.execPath, [script], { env: control.env })
  onTestFinished(async () => void (await server.end('SIGKILL')))
  await server.started()
  const durations: number[] = []

  async function lease(count: number): Promise<void> {
    let left = count
    const loops = Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await request(left % USED_OF === 0 ? 'used' : 'unused')
    })
    await Promise.all(loops)
    await until('the pool is full', async () => {
      const stats = v.parse(Stats, await (await fetchOnce(`${server.url}/stats`)).json())
      return stats.idle === 3 && stats.leased === 0 && stats.recycling === 0
    })
  }

  async function request(kind: 'used' | 'unused'): Promise<void> {
    const since = performance.now()
    const answer = await fetchOnce(`${server.url}/${kind}`)
    expect(await answer.text()).toBe(`${kind}\n`)
    if (kind === 'used') durations.push(performance.now() - since)
  }

  async function measure() {
    return { ...(await control.measure()), p99: p99Of(durations.slice(-COMPARED)) }
  }

  await lease(WARM_UP)
  const before = await measure()
  await lease(LEASES)
  expect(growthOf(before, await measure())).toEqual([])
  expect(server.lines).toEqual([])
}, 300_000)
