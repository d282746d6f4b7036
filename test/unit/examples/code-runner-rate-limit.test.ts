import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { networkOf } from '../../../examples/code-runner/guards/rate-limit.js'
import { CodeRunnerApp } from '../../helpers/code-runner-app.js'

const LIMIT = { CODE_RUNNER_RATE_LIMIT: '3' }

/** Sends requests with these values of `X-Forwarded-For`, and returns the statuses. */
async function statuses(app: CodeRunnerApp, ...addresses: string[]): Promise<number[]> {
  const found = []
  for (const address of addresses) {
    const headers = { 'x-forwarded-for': address }
    found.push((await app.request('/no-such-route', { headers })).status)
  }
  return found
}

describe('the rate limit', () => {
  it('refuses further requests of a client, and tells when it may send them', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const app = await CodeRunnerApp.ofTest(LIMIT)
    expect(await statuses(app, '', '', '')).toEqual([404, 404, 404])
    const refused = await app.request('/login')
    expect(refused.status).toBe(429)
    expect(await refused.json()).toEqual({
      error: { code: 'TOO_MANY_REQUESTS', message: 'at most 3 requests in a minute' },
    })
    const seconds = Number(refused.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(0)
    // Monitors are not limited.
    expect((await app.request('/healthz')).status).toBe(200)
    expect((await app.request('/readyz')).status).toBe(200)
    vi.setSystemTime(Date.now() + seconds * 1000)
    expect(await statuses(app, '')).toEqual([404])
  })

  it('does not believe X-Forwarded-For without a proxy', async () => {
    const app = await CodeRunnerApp.ofTest(LIMIT)
    expect(await statuses(app, '1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4')).toEqual([
      404, 404, 404, 429,
    ])
  })

  it('counts the clients of a proxy by the address that the proxy has added', async () => {
    const app = await CodeRunnerApp.ofTest({ ...LIMIT, CODE_RUNNER_PROXIES: '1' })
    const forged = ['9.9.9.1, 1.1.1.1', '9.9.9.2,1.1.1.1', '1.1.1.1', '9.9.9.3, 1.1.1.1']
    expect(await statuses(app, ...forged)).toEqual([404, 404, 404, 429])
    expect(await statuses(app, '2.2.2.2')).toEqual([404])
    const chained = await CodeRunnerApp.ofTest({ ...LIMIT, CODE_RUNNER_PROXIES: '2' })
    const twice = ['9.9.9.1, 1.1.1.1, 5.5.5.5', '1.1.1.1, 6.6.6.6', '1.1.1.1, 7.7.7.7']
    expect(await statuses(chained, ...twice, '9.9.9.9, 1.1.1.1, 8.8.8.8')).toEqual([
      404, 404, 404, 429,
    ])
  })

  it('counts a client whose forwarded address is not one by its connection', async () => {
    const app = await CodeRunnerApp.ofTest({ ...LIMIT, CODE_RUNNER_PROXIES: '1' })
    expect(await statuses(app, 'unknown', '', 'a, b', '_hidden')).toEqual([404, 404, 404, 429])
  })

  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})
