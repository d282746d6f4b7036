import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createApp } from '../../examples/per-route/app.js'
import { LANGUAGES } from '../../examples/per-route/languages.js'
import { runtimes, usePool } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const USERS = new Map([
  ['key-a', { id: 'ada', token: 'token-of-ada' }],
  ['key-b', { id: 'bob', token: 'token-of-bob' }],
])
describe.each(runtimes)('the example with limits for each route under %s', (runtime) => {
  const pool = usePool({ runtime, languages: LANGUAGES, maxPerTenant: 1, maxWaitingPerTenant: 1 })
  const post = async (path: string, key: string, body: string) =>
    createApp(USERS, pool()).request(path, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${key}` },
    })

  it('gives each route its language, and each user its variables', async () => {
    const code = 'import os\nos.environ["USER_ID"], os.environ["USER_TOKEN"]'
    const quick = await (await post('/quick', 'key-a', code)).json()
    expect(quick).toMatchObject({ text: "('ada', 'token-of-ada')" })
    const data = await (
      await post('/data', 'key-b', 'import pandas as pd\npd.Series([1, 2]).sum()')
    ).json()
    expect(data).toMatchObject({ text: expect.stringContaining('3') })
    expect(await (await post('/quick', 'key-b', 'import pandas')).json()).toMatchObject({
      error: "No module named 'pandas'",
    })
    expect((await post('/quick', 'unknown', '1')).status).toBe(401)
  })

  it('ends a lease of the quick route after its time, and refuses a greedy user alone', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    onTestFinished(() => warn.mockRestore())
    const slow = 'import time\ntime.sleep(60)'
    await until('two containers are warm', () => pool().stats().python?.idle === 2)
    const runs = [post('/quick', 'key-a', slow), post('/quick', 'key-a', slow)]
    const [third, other] = await Promise.all([
      post('/quick', 'key-a', '1'),
      post('/quick', 'key-b', '6 * 7'),
    ])
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await other.json()).toMatchObject({ text: '42' })
    const [first, second] = await Promise.all(runs)
    expect(await first?.json()).toMatchObject({ killedBy: 'timeout' })
    expect(second?.status).toBe(429)
    expect(
      warn.mock.calls.every(([line]) => String(line).startsWith('SANDBOX_TENANT_LIMIT: ')),
    ).toBe(true)
    expect(warn).toHaveBeenCalledTimes(2)
  })
})
