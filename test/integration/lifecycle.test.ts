import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createDockerEngine, SandboxPool } from 'hono-sandbox'
import { deferred } from '../../src/util/deferred.js'
import {
  containersOf,
  docker,
  leaseOfTest,
  ownerOf,
  poolOfTest,
  runtimes,
} from '../helpers/engine.js'
import { until, within } from '../helpers/until.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

describe.each(runtimes)('a server under %s', (runtime) => {
  beforeAll(() => {
    const root = here('../../')
    if (!existsSync(`${root}dist/src/index.js`))
      execFileSync('npm', ['run', '-s', 'build'], { cwd: root })
  })

  /** Starts a server with a running request. Returns it and the owner of its containers. */
  async function busyServer(when: 'settled' | 'launching'): Promise<[ChildProcess, string]> {
    const server = spawn(process.execPath, [here('../helpers/server.mjs'), runtime, when], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void server.kill('SIGKILL'))
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
    const { value } = await within('the server handles a request', lines.next(), 45_000)
    return [server, ownerOf(String(value))]
  }

  it('a killed server leaves no container', async () => {
    const [server, owner] = await busyServer('settled')
    expect(await containersOf(owner)).toHaveLength(4)
    server.kill('SIGKILL')
    await until('its containers are removed', async () => (await containersOf(owner)).length === 0)
  })

  it('a server that is killed during launches leaves only containers that never started', async () => {
    const [server, owner] = await busyServer('launching')
    server.kill('SIGKILL')
    onTestFinished(async () => {
      const left = await containersOf(owner)
      // A removal fails if the engine is already removing the container.
      await Promise.allSettled(
        left.map((name) => docker.getContainer(name).remove({ force: true })),
      )
    })
    await until('none of its containers runs', async () => {
      const states = await Promise.all((await containersOf(owner)).map(stateOf))
      return states.every((state) => state === 'created' || state === 'gone')
    })
  })
})

describe.each(runtimes)('a pool under %s', (runtime) => {
  const one = { runtime, languages: { python: { size: 1 } } }

  it('a pool replaces an idle container that was removed from outside', async () => {
    const { pool, name } = await idleOne(runtime)
    await docker.getContainer(name).remove({ force: true })
    await until('the pool notices the removal', () => !pool.isRunning(name))
    const sandbox = await leaseOfTest(pool, 'python')
    expect(sandbox.name).not.toBe(name)
    expect((await sandbox.runCode('print(42)')).stdout).toBe('42\n')
  })

  it('a pool reports a leased container that was removed from outside as crashed', async () => {
    const pool = await poolOfTest(one)
    const crashed: string[] = []
    pool.on('crashed', ({ name }) => crashed.push(name))
    const sandbox = await leaseOfTest(pool, 'python')
    const output = deferred<string>()
    const running = sandbox.exec('echo before; sleep 300', { onStdout: output.resolve })
    // The server has it before the container ends.
    await within('the program writes', output.promise)
    await docker.getContainer(sandbox.name).remove({ force: true })
    const result = await within('the run ends', running)
    expect(result).toMatchObject({ killedBy: 'crash', stdout: 'before\n', exitCode: null })
    expect([sandbox.signal.reason, crashed]).toEqual(['crash', [sandbox.name]])
    const next = await leaseOfTest(pool, 'python')
    expect((await next.runCode('print(42)')).stdout).toBe('42\n')
  })

  it('close() removes all containers of the pool and none of another pool', async () => {
    const [pool, other] = await Promise.all([poolOfTest(one), idleOne(runtime)])
    const held = await leaseOfTest(pool, 'python')
    const running = held.exec('sleep 300')
    await held.exec('true')
    const acquiring = Promise.allSettled([pool.acquire('python')]) // launches a second container
    await pool.close({ deadlineMs: 0 })
    expect(await running).toMatchObject({ killedBy: 'shutdown' })
    expect(await acquiring).toMatchObject([{ reason: { code: 'SANDBOX_CLOSED' } }])
    await until('all its containers are removed', async () => {
      return (await containersOf(ownerOf(held.name))).length === 0
    })
    await expect(pool.acquire('python')).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    expect(ownerOf(other.name)).not.toBe(ownerOf(held.name))
    expect(other.pool.isRunning(other.name)).toBe(true)
    const sandbox = await leaseOfTest(other.pool, 'python')
    expect(sandbox.name).toBe(other.name)
    expect((await sandbox.runCode('print(42)')).stdout).toBe('42\n')
  })

  it('a pool that is closed during its start leaves no container', async () => {
    const engine = createDockerEngine()
    onTestFinished(() => engine.close())
    const launch = vi.spyOn(engine, 'launch')
    const pool = new SandboxPool({ ...one, engine, languages: { python: { size: 2 } } })
    const starting = pool.start()
    const containers = async () => {
      const [[spec] = []] = launch.mock.calls
      return spec ? containersOf(ownerOf(spec.name)) : []
    }
    await until('a container exists', async () => (await containers()).length > 0)
    await pool.close({ deadlineMs: 0 })
    const report = await starting
    for (const error of report.python?.errors ?? []) expect(error.code).toBe('SANDBOX_CLOSED')
    await until('all its containers are removed', async () => (await containers()).length === 0)
  })

  it('release() returns an unused container to the pool', async () => {
    const pool = await poolOfTest(one)
    const sandbox = await leaseOfTest(pool, 'python')
    const before = (await docker.getContainer(sandbox.name).inspect()).Id
    expect(sandbox.release()).toBe('returned')
    expect((await docker.getContainer(sandbox.name).inspect()).Id).toBe(before)
  })
})

/** Starts a pool with one idle container, and returns the name of the container. */
async function idleOne(runtime: string): Promise<{ pool: SandboxPool; name: string }> {
  const pool = new SandboxPool({ runtime, languages: { python: { size: 1 } } })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  let name = ''
  pool.once('launched', (event) => (name = event.name))
  expect((await pool.start()).python).toMatchObject({ ready: 1, errors: [] })
  return { pool, name }
}

async function stateOf(name: string): Promise<string> {
  const found = await docker.listContainers({ all: true, filters: { name: [name] } })
  return found[0]?.State ?? 'gone'
}
