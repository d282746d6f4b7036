import { describe, expect, it } from 'vitest'
import { languages, leaseOfTest, runtimes, usePool } from '../helpers/engine.js'

const FIRST = 210_000
const COUNT = 4
const HOARD = `
import ctypes, time
libc = ctypes.CDLL(None)
taken = 0
while libc.inotify_init() >= 0: taken += 1
print(taken, flush=True)
time.sleep(600)
`
const WATCH = `
import ctypes
print(ctypes.CDLL(None).inotify_init() >= 0)
`

describe.each(runtimes)('the user ids of a pool under %s', (runtime) => {
  const pool = usePool({
    runtime,
    userIds: { first: FIRST, count: COUNT },
    languages: { python: { size: 2, max: 2 }, nodejs: { size: 1, max: 2 } },
  })

  it('two leases have different users', async () => {
    const [one, two] = [await leaseOfTest(pool(), 'python'), await leaseOfTest(pool(), 'python')]
    const ids = await Promise.all([one, two].map((each) => each.exec('id -u; id -g; id -G')))
    const users = ids.map(({ stdout }) => stdout.trim().split('\n'))
    for (const [user = '', ...groups] of users) {
      expect(Number(user)).toBeGreaterThanOrEqual(FIRST)
      expect(Number(user)).toBeLessThan(FIRST + COUNT)
      expect(groups).toEqual([user, user])
    }
    expect(users[0]?.[0]).not.toBe(users[1]?.[0])
  })

  it.each(languages)('programs and file calls of %s have the same user', async (language) => {
    const sandbox = await leaseOfTest(pool(), language)
    await sandbox.writeFile('data', 'text')
    const code = {
      python: 'import os; print(os.getuid() == os.stat("data").st_uid, os.environ["USER"])',
      nodejs: `console.log(process.getuid() === require('fs').statSync('data').uid, process.env.USER)`,
    }
    const ran = await sandbox.runCode(code[language])
    expect(ran.stdout.toLowerCase()).toBe('true sandbox\n')
    await sandbox.exec('umask 077; echo secret > own')
    expect((await sandbox.readFile('own')).toString()).toBe('secret\n')
    const signals = await sandbox.exec('kill -0 1 || echo refused')
    expect(signals.stdout).toBe('refused\n')
  })

  it('a lease cannot take the inotify instances of another', async () => {
    const [one, two] = [await leaseOfTest(pool(), 'python'), await leaseOfTest(pool(), 'python')]
    await one.writeFile('hoard.py', HOARD)
    const hoard = await one.startProcess('python3 hoard.py')
    await hoard.waitForLog(/^\d{2,}$/m)
    expect((await two.runCode(WATCH)).stdout).toBe('True\n')
  })
})
