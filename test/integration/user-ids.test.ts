import { describe, expect, it } from 'vitest'
import { languages, leaseOfTest, runtimes, usePool } from '../helpers/engine.js'

const FIRST = 210_000
const COUNT = 6
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
/** Prints the names of the user and its group, and of users of the image. */
const NAMES = {
  python: `
import getpass, grp, os, pwd
me = pwd.getpwuid(os.getuid())
print(me.pw_name, me.pw_dir, pwd.getpwnam(me.pw_name) == me, grp.getgrgid(me.pw_gid).gr_name)
print(getpass.getuser(), os.path.expanduser('~'), os.path.expanduser('~root'), pwd.getpwuid(0).pw_name)
for look_up in (lambda: pwd.getpwuid(4242), lambda: pwd.getpwnam('x' * 5000), lambda: grp.getgrnam('')):
    try:
        print(look_up())
    except KeyError:
        print('unknown')
`,
  nodejs: `
const { userInfo, homedir } = require('os')
const { username, homedir: home, uid } = userInfo()
console.log(username, home, uid === process.getuid(), homedir())
const { execSync } = require('child_process')
console.log(execSync('whoami; id -un 0; id -gn; getent passwd 4242 || echo unknown').toString())
`,
}
const EXPECTED_NAMES = {
  python:
    'sandbox /workspace True sandbox\nsandbox /workspace /root root\nunknown\nunknown\nunknown\n',
  nodejs: 'sandbox /workspace true /workspace\nsandbox\nroot\nsandbox\nunknown\n\n',
}
/** Takes more connections than the server of names keeps, and looks up a name. */
const CROWD = {
  python: `
import os, pwd, socket
held = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for one in held:
    one.connect('/run/nscd/socket')
held[-1].send(b'half')
print(pwd.getpwuid(os.getuid()).pw_name)
`,
  nodejs: `
const { execSync } = require('child_process')
const { connect } = require('net')
let left = 40
for (let count = left; count > 0; count--) {
  const one = connect('/run/nscd/socket', () => {
    if (--left > 0) return
    console.log(execSync('whoami').toString().trim())
    process.exit()
  })
  one.on('error', () => {})
}
`,
}
const FORKS = {
  python: `
import os, time
while True:
    if os.fork() == 0:
        time.sleep(300)
        os._exit(0)
`,
  nodejs: `
const { spawn } = require('child_process')
const more = () => { spawn('sleep', ['300']).on('error', () => process.exit(1)); setImmediate(more) }
more()
`,
}
const LIMITS = `
import resource as r
print([r.getrlimit(each)[0] for each in (r.RLIMIT_NPROC, 11, r.RLIMIT_MSGQUEUE)])
`
const USUAL_WORK = `
import multiprocessing, subprocess, threading
found = []
threads = [threading.Thread(target=found.append, args=(at,)) for at in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(found))
print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout.strip())
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
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

  it.each(languages)('programs of %s find the name of their user', async (language) => {
    const sandbox = await leaseOfTest(pool(), language)
    const { stdout, stderr } = await sandbox.runCode(NAMES[language])
    expect({ stdout, stderr }).toEqual({ stdout: EXPECTED_NAMES[language], stderr: '' })
    const { stdout: listing } = await sandbox.exec('id; groups')
    expect(listing).toMatch(/^uid=\d+\(sandbox\) gid=\d+\(sandbox\).*\nsandbox\n$/)
    const replaced = await sandbox.exec(
      'rm -f /run/nscd/socket; test -S /run/nscd/socket && echo kept',
    )
    expect(replaced).toMatchObject({
      stdout: 'kept\n',
      stderr: expect.stringContaining('cannot remove'),
    })
  })

  it.each(languages)('a crowd of connections of %s does not stop lookups', async (language) => {
    const sandbox = await leaseOfTest(pool(), language)
    expect(await sandbox.runCode(CROWD[language])).toMatchObject({
      stdout: 'sandbox\n',
      stderr: '',
    })
    expect((await sandbox.exec('whoami')).stdout).toBe('sandbox\n')
  })

  it.each(languages)('a fork bomb of %s meets the limit of its user', async (language) => {
    const sandbox = await leaseOfTest(pool(), language)
    const { killedBy } = await sandbox.runCode(FORKS[language], { timeoutMs: 40_000 })
    // Under gVisor 128 Python processes exceed the memory limit.
    expect(runtime === 'runc' ? ['pids'] : ['pids', 'oom']).toContain(killedBy)
  })

  it('programs have the limits for each user, and do what programs do', async () => {
    const sandbox = await leaseOfTest(pool(), 'python')
    expect((await sandbox.runCode(LIMITS)).stdout).toBe('[128, 1024, 819200]\n')
    expect((await sandbox.runCode(USUAL_WORK)).stdout).toBe('[0, 1, 2]\nchild\n[1, 2]\n')
  })

  it('the doctor finds no weakness', async () => {
    const { languages: reports } = await pool().doctor()
    for (const { findings } of Object.values(reports)) {
      expect(findings.filter(({ grade }) => grade === 'broken' || grade === 'weak')).toEqual([])
      expect(findings.find(({ name }) => name === 'user')?.found).toMatch(/^uid, gid and groups 21/)
    }
  })
})
