import { describe, expect, it } from 'vitest'
import { places, poolOfTest } from '../helpers/engine.js'
import { until } from '../helpers/until.js'

const BUSY = 'sleep 300 & echo up; while :; do :; done'

describe.each(places)('a session of $language under $runtime', ({ runtime, language }) => {
  it('stays if a request ends while its programs use all of the CPU', async () => {
    const pool = await poolOfTest({
      runtime,
      maxPrograms: 100,
      pids: 512,
      memory: '1g',
      languages: { [language]: { size: 1, max: 2 } },
    })
    const box = await pool.session(language, 'ada')
    await box.writeFile('note', 'kept')
    // gVisor starts programs more slowly.
    const programs = runtime === 'runc' ? 30 : 8
    let up = 0
    const options = { timeoutMs: 300_000, onStdout: () => up++ }
    const runs = Array.from({ length: programs }, async () => {
      const { killedBy } = await box.exec(BUSY, options)
      return killedBy
    })
    await until('all programs run', () => up === programs)
    box.release()
    expect(new Set(await Promise.all(runs))).toEqual(new Set(['abort']))
    const next = await pool.session(language, 'ada')
    expect(next.session?.isNew).toBe(false)
    expect(await next.readFile('note', { format: 'text' })).toBe('kept')
    next.release()
  })
})
