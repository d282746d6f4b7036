import { describe, expect, it } from 'vitest'
import type { BuiltInLanguage } from '../../src/languages/built-in.js'
import { leaseOfTest, runtimes, usePool } from '../helpers/engine.js'

const SHORT = {
  python: 'import time; time.sleep(0.2); print("done")',
  nodejs: 'setTimeout(() => console.log("done"), 200)',
}
const places = runtimes.flatMap((runtime) =>
  (['python', 'nodejs'] as const).map((language) => ({ runtime, language })),
)

describe.each(places)('the programs of one lease, $language under $runtime', (place) => {
  const { runtime, language }: { runtime: string; language: BuiltInLanguage & keyof typeof SHORT } =
    place
  const pool = usePool({ runtime, languages: { [language]: { size: 1 } } })

  it('sixteen programs run at the same time with the default limits', async () => {
    const sandbox = await leaseOfTest(pool(), language)
    const runs = Array.from({ length: 16 }, () => sandbox.runCode(SHORT[language]))
    for (const result of await Promise.all(runs)) {
      expect(result).toMatchObject({ stdout: 'done\n', exitCode: 0 })
    }
  })
})

describe('maxPrograms: 1', () => {
  const pool = usePool({ runtime: 'runc', maxPrograms: 1, languages: { python: { size: 1 } } })

  it('background processes and contexts do not use a slot of maxPrograms', async () => {
    const sandbox = await leaseOfTest(pool(), 'python')
    await sandbox.startProcess('sleep 300')
    const context = await sandbox.createCodeContext()
    const running = sandbox.runCode('import time; time.sleep(300)', { context })
    const { stdout } = await sandbox.exec('echo one at a time')
    expect(stdout).toBe('one at a time\n')
    sandbox.release()
    expect(await running).toMatchObject({ killedBy: 'abort' })
  })

  it('the wait for a slot counts toward the time limit', async () => {
    const sandbox = await leaseOfTest(pool(), 'python')
    const first = sandbox.exec('sleep 300').then((result) => result)
    const second = await sandbox.exec('sleep 300', { timeoutMs: 400 })
    expect(second).toMatchObject({ killedBy: 'timeout' })
    expect(second.durationMs).toBeLessThan(20_000)
    sandbox.release()
    await first
  })
})
