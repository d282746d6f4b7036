import { describe, expect, it, onTestFinished } from 'vitest'
import type { Finding, SandboxPoolOptions } from 'hono-sandbox'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import type { Alteration } from '../helpers/altered-engine.js'
import { alteredEngine } from '../helpers/altered-engine.js'
import { containersOf, languages, ownerOf, runtimes } from '../helpers/engine.js'

/** Returns a pool for one test, whose containers are altered between the pool and the engine. */
async function poolOf(options: SandboxPoolOptions, alteration: Alteration): Promise<SandboxPool> {
  const engine = createDockerEngine({ address: await alteredEngine(alteration) })
  const pool = new SandboxPool({ languages: { python: { size: 0 } }, ...options, engine })
  onTestFinished(async () => {
    await pool.close({ deadlineMs: 0 })
    engine.close()
  })
  return pool
}

/** Returns the lines that are not `ok`, with their grades. */
function problemsOf(findings: readonly Finding[] = []): Record<string, string> {
  const problems = findings.filter(({ grade }) => grade !== 'ok')
  return Object.fromEntries(problems.map(({ name, grade }) => [name, grade]))
}

/** The remarks about the containers of an unaltered pool. */
const NOTES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  runc: { 'setuid-files': 'note' },
  runsc: { memory: 'note', 'setuid-files': 'note' },
}

describe.each(runtimes)('the doctor under %s', (runtime) => {
  it('finds no weakness in the containers of a pool', async () => {
    const all = Object.fromEntries(languages.map((language) => [language, { size: 0 }]))
    const pool = await poolOf({ runtime, languages: all }, {})
    const report = await pool.doctor()
    expect(report.isolation).toBe(runtime === 'runsc' ? 'kernel' : 'container')
    for (const { findings } of Object.values(report.languages)) {
      const { kernel = 'note', ...others } = problemsOf(findings) // the runtime may be old
      expect(kernel).toBe('note')
      expect(others).toEqual(NOTES[runtime])
    }
  })
})

it('the doctor sends between two containers of its own, if it is asked to', async () => {
  const both = { python: { size: 0 }, nodejs: { size: 0 } }
  const pool = await poolOf({ runtime: 'runc', network: 'bridge', languages: both }, {})
  const report = await pool.doctor({ trials: ['network'] })
  for (const { findings } of Object.values(report.languages)) {
    const network = findings.find(({ name }) => name === 'network')
    expect(network).toMatchObject({ grade: 'weak', found: expect.stringContaining('reached') })
  }
})

describe('the doctor on containers that are weaker than the pool asks', () => {
  it('finds added rights, files, variables and a network of the host', async () => {
    const HostConfig = {
      CapAdd: ['KILL', 'SETGID', 'SETUID', 'NET_RAW'],
      SecurityOpt: ['seccomp=unconfined'],
      ReadonlyRootfs: false,
      PidMode: 'host',
      MaskedPaths: [],
      ReadonlyPaths: [],
      NetworkMode: 'bridge',
      Binds: ['/var/run/docker.sock:/run/docker.sock'],
      LogConfig: { Type: 'json-file' },
    }
    const Env = ['SERVER_SECRET=canary']
    const pool = await poolOf({ runtime: 'runc' }, { Env, NetworkDisabled: false, HostConfig })
    const report = await pool.doctor()
    expect(report.isolation).toBe('none')
    expect(problemsOf(report.languages.python?.findings)).toEqual({
      kernel: 'note',
      capabilities: 'broken',
      'no-new-privileges': 'broken',
      seccomp: 'broken',
      namespaces: 'broken',
      'proc-and-sys': 'broken',
      root: 'broken',
      'host-files': 'broken',
      'engine-socket': 'broken',
      'setuid-files': 'broken',
      variables: 'broken',
      logs: 'weak',
      network: 'broken',
      metadata: 'broken',
    })
    expect(JSON.stringify(report)).toContain('SERVER_SECRET')
    expect(JSON.stringify(report)).not.toContain('canary')
  })

  it('finds missing limits, and refuses to start with the failed lines', async () => {
    const HostConfig = {
      Memory: 0,
      MemorySwap: 0,
      PidsLimit: 0,
      NanoCpus: 0,
      Ulimits: [],
      Tmpfs: { '/workspace': 'mode=1777', '/tmp': 'mode=1777,size=200m' },
    }
    const pool = await poolOf({ runtime: 'runc', minIsolation: 'weak' }, { HostConfig })
    const refused = await pool.start().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'SANDBOX_ISOLATION_WEAK' })
    const lines = [...String(refused).matchAll(/python: ([\w-]+ is \w+):/g)].map(([, line]) => line)
    expect(lines).toEqual([
      'writable-mounts is broken',
      'memory is broken',
      'swap is weak',
      'pids is broken',
      'cpu is broken',
      'open-files is broken',
    ])
    expect(pool.isClosing).toBe(true)
  })

  it.runIf(runtimes.includes('runsc'))('finds that gVisor was replaced by runc', async () => {
    const pool = await poolOf({ runtime: 'runsc' }, { HostConfig: { Runtime: 'runc' } })
    const report = await pool.doctor()
    expect(report.isolation).toBe('none')
    expect(problemsOf(report.languages.python?.findings)).toMatchObject({ kernel: 'broken' })
  })

  it.runIf(runtimes.includes('runsc'))(
    'finds limits of the cgroup alone under gVisor',
    async () => {
      // Without nproc, the tasks of gVisor reach the limit of the engine first.
      const HostConfig = { PidsLimit: 300, Ulimits: [] }
      const pool = await poolOf({ runtime: 'runsc' }, { HostConfig })
      const report = await pool.doctor()
      expect(problemsOf(report.languages.python?.findings)).toMatchObject({ pids: 'weak' })
    },
  )
})

it('the doctor throws the error of a launch at once, and minIsolation refuses to start', async () => {
  const languages = { python: { size: 0, image: 'hono-sandbox-test/missing' } }
  const pool = await poolOf({ runtime: 'runc', languages, minIsolation: 'weak' }, {})
  await expect(pool.doctor()).rejects.toMatchObject({ code: 'SANDBOX_IMAGE_MISSING' })
  await expect(pool.start()).rejects.toMatchObject({ code: 'SANDBOX_IMAGE_MISSING' })
  expect(pool.isClosing).toBe(true)
})

it('a pool whose containers reach minIsolation starts', async () => {
  const options = { runtime: 'runc', languages: { python: { size: 1 } } }
  const pool = await poolOf({ ...options, minIsolation: 'container' }, {})
  expect(await pool.start()).toMatchObject({ python: { ready: 1, errors: [] } })
  const owner = ownerOf((await pool.acquire('python')).name)
  expect(await containersOf(`${owner}-doctor1`)).toEqual([])
})
