import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { NARROW_PROFILE } from '../../src/engine/docker/seccomp-profile.js'
import { docker, leaseOfTest, OWNER, ownerOf, places, usePool } from '../helpers/engine.js'

const CAPABILITIES = ['KILL', 'SETGID', 'SETUID']
const CANARY = 'HONO_SANDBOX_TEST_CANARY'
const MIB = 1024 * 1024
const Added = v.object({ CapAdd: v.array(v.string()) })

process.env[CANARY] = 'of the server'

describe.each(places)('the $language container under $runtime', ({ runtime, language }) => {
  const pool = usePool({ runtime, languages: { [language]: { size: 1 } } })
  const lease = () => leaseOfTest(pool(), language)

  it('the container has the options of its launch', async () => {
    const { name } = await lease()
    const { Config, HostConfig, Mounts } = await docker.getContainer(name).inspect()
    expect(Config).toMatchObject({
      User: '0:0',
      Hostname: 'sandbox',
      WorkingDir: '/workspace',
      OpenStdin: true,
      StdinOnce: true,
      StopSignal: 'SIGKILL',
      Tty: false,
      Labels: { [OWNER]: ownerOf(name), 'hono-sandbox.pool': language },
    })
    expect(JSON.stringify(Config.Env)).not.toContain(CANARY)
    expect(Mounts).toEqual([])
    expect(HostConfig).toMatchObject({
      Runtime: runtime,
      AutoRemove: true,
      Init: language === 'nodejs',
      ReadonlyRootfs: true,
      Privileged: false,
      NetworkMode: 'none',
      IpcMode: 'private',
      CgroupnsMode: 'private',
      PidMode: '',
      Binds: null,
      CapDrop: ['ALL'],
      Memory: 256 * MIB,
      MemorySwap: 256 * MIB,
      NanoCpus: 1e9,
      // The limit also counts the threads of gVisor.
      PidsLimit: runtime === 'runsc' ? 2176 : 128,
      ShmSize: 16 * MIB,
      LogConfig: { Type: 'none' },
      Ulimits: [
        { Name: 'nofile', Soft: 1024, Hard: 1024 },
        { Name: 'core', Soft: 0, Hard: 0 },
        ...(runtime === 'runsc' ? [{ Name: 'nproc', Soft: 128, Hard: 128 }] : []),
      ],
    })
    const { CapAdd } = v.parse(Added, HostConfig)
    expect(CapAdd.map((name) => name.replace('CAP_', '')).sort()).toEqual(CAPABILITIES)
    expect(HostConfig.SecurityOpt).toEqual(['no-new-privileges', `seccomp=${NARROW_PROFILE}`])
    expect(HostConfig.Tmpfs?.['/workspace']).toContain(`size=${64 * MIB}`)
    expect(HostConfig.Tmpfs?.['/tmp']).toContain(`size=${32 * MIB}`)
  })

  it('programs run as nobody without capabilities', async () => {
    const sandbox = await lease()
    const code = {
      python: 'print(open("/proc/self/status").read())',
      nodejs: 'console.log(require("fs").readFileSync("/proc/self/status", "utf8"))',
    }
    const runs = [sandbox.exec('cat /proc/self/status'), sandbox.runCode(code[language])]
    for (const { stdout } of await Promise.all(runs)) {
      const status = fieldsOf(stdout)
      for (const sort of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) {
        if (runtime === 'runc' || status.has(sort)) expect(Number(`0x${status.get(sort)}`)).toBe(0)
      }
      expect(status.get('Uid')).toMatch(/^65534(\s+65534){3}$/)
      expect(status.get('Gid')).toMatch(/^65534(\s+65534){3}$/)
      expect(['', '65534']).toContain(status.get('Groups') ?? '')
      if (runtime !== 'runc') continue
      expect(status.get('NoNewPrivs')).toBe('1')
      expect(status.get('Seccomp')).toBe('2')
    }
    expect((await sandbox.exec('id -G')).stdout).toBe('65534\n')
  })

  it.runIf(runtime === 'runc')('programs see no facts about the host', async () => {
    const sandbox = await lease()
    const { stdout } = await sandbox.exec(`
      cut -d: -f3 /proc/self/cgroup | sort -u
      cat /proc/interrupts /proc/diskstats /proc/kallsyms /proc/schedstat 2>&-
      ls /sys/firmware`)
    expect(stdout).toBe('/\n')
  })

  it('programs see no environment variable of the server', async () => {
    const sandbox = await lease()
    const code = {
      python: 'import os\nprint(dict(os.environ))',
      nodejs: 'console.log(process.env)',
    }
    const everywhere = 'env; cat /proc/*/environ /proc/*/cmdline | tr "\\0" "\\n"'
    const runs = [sandbox.exec(everywhere), sandbox.runCode(code[language])]
    for (const { stdout } of await Promise.all(runs)) {
      expect(stdout).toContain('PATH')
      expect(stdout).not.toContain(CANARY)
      expect(stdout).not.toContain('of the server')
    }
  })

  it('file calls read nothing of the agent through a link', async () => {
    const sandbox = await lease()
    await sandbox.exec('for file in mem environ maps auxv; do ln -s /proc/self/$file $file; done')
    for (const file of ['mem', 'environ', 'maps', 'auxv']) {
      const reading = sandbox.readFile(file, { length: 1 })
      await expect(reading).rejects.toMatchObject({ errno: 'EACCES' })
    }
  })

  it('programs cannot signal the agent or open its files', async () => {
    const sandbox = await lease()
    // The processes of root: PID 1, and the agent if PID 1 is the engine's init process.
    const script = `
      for p in /proc/[0-9]*; do
        grep -q '^Uid:[[:space:]]*0' $p/status || continue
        pid=\${p#/proc/}
        echo "root $pid"
        for s in TERM KILL STOP; do kill -$s $pid 2>/dev/null && echo "signalled $pid"; done
        (: < $p/mem) 2>/dev/null && echo "opened $p/mem"
        for f in $p/fd/*; do
          (: < $f) 2>/dev/null && echo "read $f"
          (: > $f) 2>/dev/null && echo "wrote $f"
        done
        (ls $p/cwd/ $p/root/) >/dev/null 2>&1 && echo "walked $p"
      done`
    // The agent also has the other ends of the program's pipes, and gVisor lets the program open them.
    const isOwn = (line: string) => runtime === 'runsc' && /fd\/([3-9]|\d\d+)$/.test(line)
    const { stdout } = await sandbox.exec(script)
    const lines = stdout.trim().split('\n')
    expect(lines).toContain('root 1')
    expect(lines.filter((line) => !line.startsWith('root ') && !isOwn(line))).toEqual([])
    expect(await sandbox.exec('echo still here')).toMatchObject({ stdout: 'still here\n' })
  })

  it.runIf(language === 'python')('programs cannot trace or limit the agent', async () => {
    const sandbox = await lease()
    const { stdout, stderr } = await sandbox.runCode(`
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
ATTACH, SEIZE, DETACH = 16, 0x4206, 17
print('attach', libc.ptrace(ATTACH, 1, 0, 0), 'seize', libc.ptrace(SEIZE, 1, 0, 0))
try:
    resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
    print('limited')
except OSError as error:
    print('refused')
try:
    os.setuid(0)
    print('root')
except OSError:
    print('nobody')
`)
    expect(stderr).toBe('')
    expect(stdout).toBe('attach -1 seize -1\nrefused\nnobody\n')
  })
})

function fieldsOf(status: string): Map<string, string> {
  const lines = status.split('\n').map((line) => line.split(':'))
  return new Map(lines.map(([name = '', value = '']) => [name, value.trim()]))
}
