import { describe, expect, it } from 'vitest'
import type { EngineSubject, Workbench } from './subject.js'
import { AS_USER, LIMITS, USER } from './subject.js'

const CANARY = 'HONO_SANDBOX_CONTRACT_CANARY'
/** The bits of KILL, SETGID and SETUID. */
const AGENT_CAPABILITIES = (1 << 5) | (1 << 6) | (1 << 7)

process.env[CANARY] = 'of the server'

/** Registers the tests inside a container: its user, its file system, its limits and its network. */
export function describeInside(workbench: Workbench, { runtime, lacks = [] }: EngineSubject): void {
  const { hasOwnKernel } = runtime

  describe('the agent in a container', () => {
    it('the agent is root with the capabilities to start programs as another user and to kill them', async () => {
      const { stdout } = await workbench.run('cat /proc/self/status')
      const status = fieldsOf(stdout)
      expect(status.get('Uid')).toMatch(/^0(\s+0){3}$/)
      for (const set of ['CapEff', 'CapPrm']) {
        if (!hasOwnKernel || status.has(set)) {
          expect(Number(`0x${status.get(set)}`), set).toBe(AGENT_CAPABILITIES)
        }
      }
      // A runtime with its own kernel need not report these fields.
      if (hasOwnKernel) return
      expect(status.get('NoNewPrivs')).toBe('1')
      expect(status.get('Seccomp')).toBe('2')
    })

    it('the agent has no other capability', async () => {
      const tries = [
        'chown 1:1 /workspace',
        'mount -t tmpfs none /mnt',
        'chroot / true',
        'hostname other',
        // gVisor of 2022 lets root make devices of its own kernel.
        ...(hasOwnKernel ? [] : ['mknod /tmp/null c 1 3']),
      ]
      const script = tries.map((command) => `${command} 2>&- && echo '${command}'`).join('; ')
      expect((await workbench.run(`${script}; echo over`)).stdout).toBe('over\n')
    })

    it('programs have no capability and cannot signal the agent', async () => {
      const reach = 'kill -0 1 2>&- && echo reached; cat /proc/self/status'
      const { stdout } = await workbench.run(`${asUser(reach)}; echo over`)
      const status = fieldsOf(stdout)
      expect(stdout).not.toContain('reached')
      expect(status.get('Uid')?.split(/\s+/)).toEqual(Array(4).fill(String(USER)))
      for (const set of ['CapEff', 'CapPrm', 'CapInh']) {
        if (!hasOwnKernel || status.has(set)) expect(Number(`0x${status.get(set)}`), set).toBe(0)
      }
    })

    it('the container has no environment variable of the server', async () => {
      const script = 'cat /proc/1/environ /proc/1/cmdline | tr "\\0" "\\n"; env'
      const { stdout } = await workbench.run(script)
      expect(stdout).toContain('PATH=')
      expect(stdout).not.toContain(CANARY)
      expect(stdout).not.toContain('of the server')
    })
  })

  describe('the file system of a container', () => {
    it('the root file system is read-only, even for root', async () => {
      const folders = ['', '/etc', '/usr', '/usr/local', '/var', '/root', '/opt', '/run', '/sys/fs']
      const tries = folders.map((folder) => `(: > ${folder}/x) 2>&- && echo ${folder}/x`)
      expect((await workbench.run(`${tries.join('; ')}; echo over`)).stdout).toBe('over\n')
    })

    it('the user of programs can write to /workspace, /tmp and /dev/shm', async () => {
      const script = ': > /workspace/x && : > /tmp/x && : > /dev/shm/x && echo written'
      const { stdout } = await workbench.runAsUser(script)
      expect(stdout).toBe('written\n')
    })

    it('the user in the spec owns /workspace, as a user or as the group of root', async () => {
      const script = `python3 -c 'import os; w = os.stat("/workspace"); print(w.st_uid or w.st_gid)'`
      expect((await workbench.run(script)).stdout).toBe(`${USER}\n`)
    })

    it.each([
      ['/workspace', LIMITS.workspaceBytes],
      ['/tmp', LIMITS.tmpBytes],
      ['/dev/shm', LIMITS.shmBytes],
    ])('the size of %s is limited', async (folder, bytes) => {
      const fill = `head -c ${4 * bytes} /dev/zero > ${folder}/full 2>&- || echo refused`
      const { stdout } = await workbench.runAsUser(`${fill}; wc -c < ${folder}/full`)
      const [refused, written] = stdout.split('\n')
      expect(refused).toBe('refused')
      expect(Number(written)).toBeLessThanOrEqual(bytes)
      expect(Number(written)).toBeGreaterThan(bytes / 2)
    })

    it('programs in /workspace are executable, and programs in /tmp are not', async () => {
      const place = (folder: string) => `cp /bin/true ${folder}/yes && ${folder}/yes`
      const [workspace, tmp] = [
        await workbench.runAsUser(place('/workspace')),
        await workbench.runAsUser(place('/tmp')),
      ]
      expect(workspace.exit.exitCode).toBe(0)
      // gVisor of 2022 ignores noexec.
      if (!hasOwnKernel && !lacks.includes('noexec')) expect(tmp.exit.exitCode).toBe(126)
    })
  })

  describe('the limits of a container', () => {
    it('the container has the limits of open files and core dumps', async () => {
      const { stdout } = await workbench.run('ulimit -n; ulimit -Hn; ulimit -c')
      expect(stdout).toBe(`${LIMITS.openFiles}\n${LIMITS.openFiles}\n0\n`)
    })

    it('the process limit stops programs and does not kill the agent', async () => {
      const forks = 'i=0; while :; do sleep 60 > /dev/null 2>&1 & i=$((i+1)); echo $i; done'
      const script = `${asUser(forks)} 2>&- | tail -n 1; echo alive`
      const { stdout } = await workbench.run(script)
      const [started, alive] = stdout.split('\n')
      expect(Number(started)).toBeGreaterThan(LIMITS.pids / 2)
      expect(Number(started)).toBeLessThanOrEqual(LIMITS.pids)
      expect(alive).toBe('alive')
    })

    it('a program can use half of the memory limit', async () => {
      const bytes = LIMITS.memoryBytes / 2
      const hoard = `python3 -c 'print(len(bytearray(b"x") * ${bytes}))'`
      expect((await workbench.run(hoard)).stdout).toBe(`${bytes}\n`)
    })
  })

  describe.skipIf(lacks.includes('isolated network'))('the network of a container', () => {
    it('the container has only the loopback interface', async () => {
      const { stdout } = await workbench.run('cat /proc/net/dev; echo -- ; cat /proc/net/route')
      const [devices = '', routes = ''] = stdout.split('--\n')
      const names = [...devices.matchAll(/^\s*([^\s:|]+):/gm)].map(([, name]) => name)
      expect(names.filter((name) => name !== 'lo')).toEqual([])
      const lines = routes.split('\n').slice(1)
      expect(lines.filter((line) => line.trim() !== '')).toEqual([])
    })
  })
}

/** Returns a shell command that runs a script as the user of programs, while the shell stays PID 1. */
function asUser(script: string): string {
  return `${AS_USER.join(' ')} sh -c '${script}'`
}

function fieldsOf(status: string): Map<string, string> {
  const lines = status.split('\n').map((line) => line.split(':'))
  return new Map(lines.map(([name = '', value = '']) => [name, value.trim()]))
}
