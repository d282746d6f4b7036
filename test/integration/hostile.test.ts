import { describe, expect, it, onTestFinished } from 'vitest'
import type { ExecResult, Sandbox } from 'hono-sandbox'
import { SandboxError } from 'hono-sandbox'
import type { AgentName } from '../../src/languages/built-in.js'
import { docker, places, usePool } from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

/** The same attack in both languages. */
const PROGRAMS = {
  python: {
    deaf: `import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print('deaf', flush=True)
while True:
    pass`,
    memory: 'hoard = []\nwhile True:\n    hoard.append(bytearray(b"x") * 10_000_000)',
    output: 'import sys\nfor _ in range(1600):\n    sys.stdout.write("x" * 65536)',
    forks: `import os, time
while True:
    if os.fork() == 0:
        time.sleep(300)
        os._exit(0)`,
    disk: 'with open("/workspace/full", "wb") as file:\n    while True:\n        file.write(b"x" * 1_000_000)',
    forge: `import glob, os
def frame(kind, id, payload):
    return bytes([kind]) + id.to_bytes(4, 'big') + len(payload).to_bytes(4, 'big') + payload
forged = b''.join(frame(7, id, b'{"exitCode":42}') + frame(3, id, b'\\x01lie') for id in range(20))
for path in glob.glob('/proc/[0-9]*/fd/*'):
    if not path.startswith('/proc/%d/' % os.getpid()):
        try:
            os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), forged)
        except OSError:
            pass
for fd in [*range(3, 1024), 0, 2, 1]:
    try:
        os.write(fd, forged)
    except OSError:
        pass
os.closerange(0, 1024)`,
    recursion: 'def down(n):\n    return down(n + 1) + 1\ndown(0)',
  },
  nodejs: {
    deaf: `for (let number = 1; number < 65; number++) {
      try { process.on(Object.keys(require('os').constants.signals)[number - 1], () => {}) } catch {}
    }
    console.log('deaf')
    for (;;);`,
    memory: 'const hoard = []\nfor (;;) hoard.push(Buffer.alloc(10_000_000, 1))',
    output: `for (let i = 0; i < 1600; i++) require('fs').writeSync(1, 'x'.repeat(65536))`,
    forks: `const { spawn } = require('child_process')
      const more = () => { spawn('sleep', ['300']).on('error', () => process.exit(1)); setImmediate(more) }
      more()`,
    disk: `const fs = require('fs'); const file = fs.openSync('/workspace/full', 'w')
      for (;;) fs.writeSync(file, 'x'.repeat(1_000_000))`,
    forge: `const fs = require('fs')
      const frame = (kind, id, text) => {
        const bytes = Buffer.alloc(9 + text.length, 0)
        bytes[0] = kind; bytes.writeUInt32BE(id, 1); bytes.writeUInt32BE(text.length, 5)
        bytes.write(text, 9, 'latin1')
        return bytes
      }
      const forged = Buffer.concat(Array.from({ length: 20 }, (_, id) =>
        Buffer.concat([frame(7, id, '{"exitCode":42}'), frame(3, id, '\\x01lie')])))
      const attempt = (action) => { try { return action() } catch { return [] } }
      for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
        if (Number(pid) === process.pid) continue
        for (const fd of attempt(() => fs.readdirSync('/proc/' + pid + '/fd'))) {
          const { O_WRONLY, O_NONBLOCK } = fs.constants
          const path = '/proc/' + pid + '/fd/' + fd
          attempt(() => fs.writeSync(fs.openSync(path, O_WRONLY | O_NONBLOCK), forged))
        }
      }
      for (const fd of [0, 2, 1]) attempt(() => fs.writeSync(fd, forged))
      for (const fd of [0, 1, 2]) attempt(() => fs.closeSync(fd))`,
    recursion: 'const down = (n) => down(n + 1) + 1\ndown(0)',
  },
} satisfies Record<AgentName, Record<string, string>>

const SHORT_MS = 1500

describe.each(places)('hostile $language under $runtime', ({ runtime, language }) => {
  const programs = PROGRAMS[language]
  const pool = usePool({ runtime, languages: { [language]: { size: 1 } } })
  const acquire = () => pool().acquire(language, { timeoutMs: 60_000 })

  /** The container in which an attack left no mark. The next attack runs in it. */
  let unmarked: Sandbox | undefined

  /** Runs an attack that leaves marks, and expects none of them in the next container. */
  async function attack(during: (sandbox: Sandbox) => Promise<void>): Promise<void> {
    const sandbox = unmarked ?? (await acquire())
    unmarked = undefined
    onTestFinished(() => void sandbox.release())
    await sandbox.exec('for d in /workspace /tmp /dev/shm; do echo mark > $d/mark; done')
    await within('the attack ends', during(sandbox), 45_000)
    expect(sandbox.release()).toBe('recreated')
    const next = await acquire()
    onTestFinished(() => void (next !== unmarked && next.release()))
    expect(next.name).not.toBe(sandbox.name)
    expect(await next.listFiles()).toEqual([])
    const traces = await next.exec('cat /workspace/* /tmp/* /dev/shm/* 2>/dev/null')
    expect(traces.stdout).not.toContain('mark')
    const { stdout } = await next.exec('cat /proc/[0-9]*/comm')
    expect(stdout.split('\n').filter((name) => name === 'sleep')).toEqual([])
    expect(await next.runCode(hello[language])).toMatchObject({
      stdout: 'hello\n',
      exitCode: 0,
    })
    unmarked = next
  }

  /** Expects that the same container still runs commands and code. */
  async function expectHealthy(sandbox: Sandbox): Promise<void> {
    expect(await sandbox.exec('echo well')).toMatchObject({ stdout: 'well\n', exitCode: 0 })
    expect(await sandbox.runCode(hello[language])).toMatchObject({ stdout: 'hello\n', exitCode: 0 })
  }

  it('a loop that ignores all signals ends with timeout', () =>
    attack(async (sandbox) => {
      const result = await sandbox.runCode(programs.deaf, { timeoutMs: SHORT_MS })
      expect(result).toMatchObject({ killedBy: 'timeout', signal: 'SIGKILL', stdout: 'deaf\n' })
      await expectHealthy(sandbox)
    }))

  it('a program that exceeds the memory ends with oom', () =>
    attack(async (sandbox) => {
      const result = await sandbox.runCode(programs.memory)
      expect(result).toMatchObject({ killedBy: 'oom', exitCode: null })
      if (runtime === 'runc') await expectHealthy(sandbox)
    }))

  it('a program that writes 100 MB ends with output', () =>
    attack(async (sandbox) => {
      const result = await sandbox.runCode(programs.output)
      expect(result).toMatchObject({ killedBy: 'output', truncated: true })
      expect(result.stdout.length).toBeLessThan(1024 * 1024 + 100)
      await expectHealthy(sandbox)
    }))

  it('a run in a container that is killed from outside ends with crash', () =>
    attack(async (sandbox) => {
      const running = sandbox.exec('sleep 300')
      await sandbox.exec('true')
      await docker.getContainer(sandbox.name).kill()
      expect(await running).toMatchObject({ killedBy: 'crash', exitCode: null })
      await expect(sandbox.exec('true')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
      expect(sandbox.signal.reason).toBe('crash')
    }))

  it('a fork bomb ends with pids', () =>
    attack(async (sandbox) => {
      const { killedBy } = await sandbox.runCode(programs.forks, { timeoutMs: 40_000 })
      // Under gVisor 128 Python processes exceed the memory limit.
      const accepted = runtime === 'runc' ? ['pids'] : ['pids', 'oom']
      expect(accepted).toContain(killedBy)
    }))

  it('a program that fills the workspace ends with disk', () =>
    attack(async (sandbox) => {
      const result = await sandbox.runCode(programs.disk)
      expect(result).toMatchObject({ killedBy: 'disk', exitCode: 1 })
      expect(result.stderr).toMatch(/ENOSPC|No space left/)
      const failure = { errno: 'ENOSPC' }
      await expect(sandbox.writeFile('more', 'x'.repeat(10_000))).rejects.toMatchObject(failure)
    }))

  it('the sandbox works after all writable folders are full', () =>
    attack(async (sandbox) => {
      const fill = (folder: string) => `cat /dev/zero > ${folder}/full`
      const script = ['/workspace', '/tmp', '/dev/shm'].map(fill).join('; ')
      const result = await sandbox.exec(script)
      expect(result.killedBy).toBe('disk')
      expect(await sandbox.exec('echo well')).toMatchObject({ stdout: 'well\n' })
    }))

  it('a child in another session ends with the lease', () =>
    attack(async (sandbox) => {
      const child = 'while :; do echo mark > /workspace/alive; sleep 0.1; done'
      const result = await sandbox.exec(`setsid sh -c '${child}' > /dev/null 2>&1 & echo gone`)
      expect(result).toMatchObject({ stdout: 'gone\n', exitCode: 0 })
    }))

  it('frames that a program forges do not reach the host', () =>
    attack(async (sandbox) => {
      await expect(sandbox.runCode(programs.forge, { timeoutMs: 20_000 })).resolves.toMatchObject({
        exitCode: expect.toSatisfy((code) => code !== 42),
      })
      // The spares run as nobody too, so forged bytes may appear in later runs of this lease.
      await until('a run has only its own output', async () => {
        const next = await sandbox.runCode(hello[language])
        expect(next.exitCode).not.toBe(42)
        return next.exitCode === 0 && next.stdout === 'hello\n'
      })
      expect(await sandbox.exec('echo well')).toMatchObject({ stdout: 'well\n', exitCode: 0 })
    }))

  it('a program that signals all processes does not end the lease', () =>
    attack(async (sandbox) => {
      for (const script of [
        'kill -9 1',
        'kill -TERM 1',
        'kill -9 -1',
        'kill -INT -1; kill -9 $$',
      ]) {
        await sandbox.exec(script)
      }
      // The spare is dead. A run that gets it before the agent notices its death fails too.
      const succeeds = async () => (await sandbox.runCode(hello[language])).exitCode === 0
      await until('a run succeeds', succeeds)
      await expectHealthy(sandbox)
    }))

  it('a run in a stopped spare ends with timeout, and later runs succeed', () =>
    attack(async (sandbox) => {
      await sandbox.exec('kill -STOP -1')
      const result = await sandbox.runCode(hello[language], { timeoutMs: SHORT_MS })
      // The run succeeds if the spare was created after the signal.
      expect([undefined, 'timeout']).toContain(result.killedBy)
      // Each stopped spare makes one run fail with timeout. If the agent itself was blocked for longer
      // than a kill may take, the engine has killed the container, which is valid too.
      const succeeds = () =>
        sandbox.runCode(hello[language], { timeoutMs: 5000 }).then(
          ({ exitCode }) => exitCode === 0,
          (error: unknown) => error instanceof SandboxError && sandbox.signal.aborted,
        )
      await until('a run succeeds', succeeds)
    }))

  it('variables and arguments that are too large are refused', () =>
    attack(async (sandbox) => {
      const big = 'x'.repeat(3_000_000)
      const results: ExecResult[] = [
        await sandbox.exec('echo never', { env: { BIG: big } }),
        await sandbox.exec(['echo', big]),
      ]
      for (const result of results) expect(result).toMatchObject({ exitCode: 126, stdout: '' })
      await expectHealthy(sandbox)
      const refused = sandbox.runCode(`"${'x'.repeat(17 * 1024 * 1024)}"`)
      await expect(refused).rejects.toMatchObject({ code: 'SANDBOX_INVALID_OPTION' })
      await expectHealthy(sandbox)
    }))

  it('an endless recursion ends with an error of the language', () =>
    attack(async (sandbox) => {
      const result = await sandbox.runCode(programs.recursion)
      expect(result).toMatchObject({ exitCode: 1, signal: null })
      expect(result.stderr).toMatch(/RecursionError|RangeError/)
      await expectHealthy(sandbox)
    }))

  it('a run in an unreadable workspace fails, and works again after chmod', () =>
    attack(async (sandbox) => {
      await sandbox.exec('rm -rf /workspace/* /workspace/.[!.]*; chmod 000 /workspace')
      await expect(sandbox.readFile('mark')).rejects.toMatchObject({ errno: 'EACCES' })
      const result = await sandbox.runCode(hello[language])
      expect(result.exitCode).not.toBe(0)
      expect(result.stderr).toMatch(/EACCES|Permission denied/)
      await sandbox.exec('chmod 777 /workspace', { cwd: '/tmp' })
      await expectHealthy(sandbox)
    }))
})

const hello: Readonly<Record<AgentName, string>> = {
  python: 'print("hello")',
  nodejs: 'console.log("hello")',
}
