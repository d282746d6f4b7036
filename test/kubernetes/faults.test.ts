import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { SandboxPool } from 'hono-sandbox'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { podNameOf } from '../../src/engine/kubernetes/labels.js'
import { until, within } from '../helpers/until.js'
import { cluster, images, isAnswering, podsOf, readPod, useNamespace } from './cluster.js'

const namespace = `faults-${randomBytes(4).toString('hex')}`

describe.skipIf(cluster === '')('a fault of the cluster', () => {
  useNamespace(namespace)
  let pool: SandboxPool

  beforeAll(async () => {
    const engine = createKubernetesEngine({ namespace, nodeLostMs: 8000 })
    pool = new SandboxPool({
      engine,
      runtime: 'runc',
      languages: { python: { size: 2, image: images.python } },
    })
    expect((await pool.start()).python?.ready).toBe(2)
  })

  afterAll(async () => {
    await pool.close({ deadlineMs: 0 })
    await until('no pod is left', async () => (await podsOf(namespace)).length === 0)
  })

  const lease = async () => {
    const sandbox = await pool.acquire('python', { timeoutMs: 80_000 })
    onTestFinished(() => void sandbox.release())
    return sandbox
  }

  it('a frozen API server ends no lease, even after the time for a lost node', async () => {
    const sandbox = await lease()
    const running = sandbox.runCode('import time; time.sleep(1); print("alive")')
    const pid = pidOf('apiserver')
    process.kill(pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(pid, 'SIGCONT'))
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    process.kill(pid, 'SIGCONT')
    expect((await within('the run ends', running)).stdout).toBe('alive\n')
    expect((await sandbox.runCode('print(2)')).stdout).toBe('2\n')
  })

  it('a node that vanishes ends its leases, and the pool launches elsewhere', async () => {
    const sandbox = await lease()
    const pod = await readPod(namespace, podNameOf(sandbox.name))
    const node = pod?.spec?.nodeName ?? ''
    const link = `n${node.at(-1)}`
    const running = sandbox.exec('sleep 100', { timeoutMs: 100_000 })
    await sandbox.exec('true')
    execFileSync('ip', ['-n', 'rdsw', 'link', 'set', link, 'down'])
    try {
      expect(await within('the run ends', running)).toMatchObject({ killedBy: 'crash' })
      await until('the lease ends', () => sandbox.signal.aborted)
      await expect(sandbox.runCode('1')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
      // The scheduler notices the lost node only after 40 s.
      const next = await lease()
      const other = await readPod(namespace, podNameOf(next.name))
      expect(other?.spec?.nodeName).not.toBe(node)
    } finally {
      execFileSync('ip', ['-n', 'rdsw', 'link', 'set', link, 'up'])
    }
  })

  it('an API server that stops ends the leases, and the pool refills when it is back', async () => {
    const sandbox = await lease()
    const running = sandbox.exec('sleep 100', { timeoutMs: 100_000 })
    await sandbox.exec('true')
    const restart = stopApiServer()
    try {
      expect(await within('the run ends', running)).toMatchObject({ killedBy: 'crash' })
      await until('the pool reports it', () => {
        return pool.stats().python?.lastError?.code === 'SANDBOX_ENGINE_UNAVAILABLE'
      })
    } finally {
      restart()
    }
    await until('the API server answers', () => isAnswering(), 60_000)
    await until('the pool is full', () => pool.stats().python?.idle === 2, 60_000)
    // A sweep removes the pods that could not be removed while the API server was stopped.
    await until('no other pod is left', async () => (await podsOf(namespace)).length === 2)
    expect((await (await lease()).runCode('print(3)')).stdout).toBe('3\n')
  }, 180_000)
})

function pidOf(part: string): number {
  return Number(readFileSync(`${cluster}/cp/${part}.pid`, 'utf8'))
}

/** Kills the API server. Returns a function that starts it again, in its network namespace. */
function stopApiServer(): () => void {
  const pid = pidOf('apiserver')
  const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    .split('\0')
    .slice(0, -1)
  process.kill(pid, 'SIGKILL')
  return () => {
    const server = spawn('nsenter', ['--net=/run/netns/rdcp', program, ...args], {
      cwd: `${cluster}/cp`,
      stdio: 'ignore',
      detached: true,
    })
    server.unref()
    // nsenter replaces itself by the program, so its pid is the pid of the API server.
    writeFileSync(`${cluster}/cp/apiserver.pid`, String(server.pid))
  }
}
