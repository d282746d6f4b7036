import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { SandboxPool } from 'hono-sandbox'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { createApp } from '../../examples/minimal/app.js'
import { OWNER_LABEL, podNameOf } from '../../src/engine/kubernetes/labels.js'
import { until, within } from '../helpers/until.js'
import {
  cluster,
  core,
  deletePod,
  evictPod,
  expirePod,
  images,
  podsOf,
  readPod,
  runtimes,
  useNamespace,
} from './cluster.js'

const namespace = `pool-${randomBytes(4).toString('hex')}`

/** The node of the pods of a trial. The test cluster has no network policies. */
const NODE = 'rdn1'

const python = { size: 1, image: images.python }
const nodejs = { size: 1, image: images.nodejs }

useNamespace(namespace)

describe.each(runtimes)('a pool on Kubernetes with $name', ({ name: runtime, hasOwnKernel }) => {
  let pool: SandboxPool

  beforeAll(async () => {
    const engine = createKubernetesEngine({ namespace })
    pool = new SandboxPool({
      engine,
      runtime,
      languages: { python, nodejs },
    })
    const report = await pool.start()
    expect(Object.values(report).flatMap(({ errors }) => errors)).toEqual([])
  })

  afterAll(async () => {
    await pool.close({ deadlineMs: 0 })
    await until('no pod is left', async () => (await podsOf(namespace)).length === 0)
  })

  it('an app runs on Kubernetes with one line changed', async () => {
    const app = createApp(pool)
    const response = await app.request('/run', { method: 'POST', body: 'print(6 * 7)\n6 * 7' })
    expect(await response.json()).toMatchObject({ stdout: '42\n', exitCode: 0 })
  })

  it('the doctor grades the network as unproven if only a policy can deny it', async () => {
    const engine = createKubernetesEngine({ namespace })
    const examined = new SandboxPool({
      engine,
      runtime,
      languages: { python: { ...python, size: 0 } },
    })
    onTestFinished(() => examined.close({ deadlineMs: 0 }))
    const { languages } = await examined.doctor()
    const grades = languages.python?.findings.map(({ name, grade }) => `${name} ${grade}`)
    expect(grades).toContain(hasOwnKernel ? 'network ok' : 'network unproven')
    // The engine reports the settings of the pod, so the doctor has a measurement for each line.
    expect(
      languages.python?.findings.filter(({ found }) => found.includes('not measured')),
    ).toEqual([])
    expect(grades?.filter((line) => line.endsWith('broken'))).toEqual([])
    expect(JSON.stringify(languages)).not.toContain('termination-log')
  })

  it('a shell reaps the orphans of a program in Node', async () => {
    const sandbox = await pool.acquire('nodejs', { timeoutMs: 60_000 })
    onTestFinished(() => void sandbox.release())
    const orphans = 'for i in 1 2 3; do (sleep 0 & exec true) & done; wait; sleep 0.3'
    const zombies = "grep -ls '^State:[[:space:]]*Z' /proc/[0-9]*/status; true"
    await sandbox.exec(orphans)
    await until('no zombie is left', async () => (await sandbox.exec(zombies)).stdout === '')
    const command = 'tr "\\0" " " < /proc/1/cmdline 2>&1; cat /proc/1/comm'
    expect((await sandbox.exec(command)).stdout).toMatch(/sh\n$/)
  })

  it.each([
    ['is deleted by hand', deletePod],
    ['is evicted', evictPod],
    ['reaches its deadline', expirePod],
  ])('a pod that %s ends its lease, and the pool launches another', async (_, end) => {
    const sandbox = await pool.acquire('python', { timeoutMs: 60_000 })
    onTestFinished(() => void sandbox.release())
    const running = sandbox.exec('sleep 100', { timeoutMs: 120_000 })
    await sandbox.exec('true')
    const pod = podNameOf(sandbox.name)
    await end(namespace, pod)
    expect(await within('the run ends', running)).toMatchObject({ killedBy: 'crash' })
    await expect(sandbox.runCode('1')).rejects.toMatchObject({ code: 'SANDBOX_LEASE_ENDED' })
    const next = await pool.acquire('python', { timeoutMs: 60_000 })
    expect((await next.runCode('print(1)')).stdout).toBe('1\n')
    next.release()
    await until('the ended pod is removed', async () => !(await readPod(namespace, pod)))
  })

  it('the pods of a server that was killed complete by themselves, and are swept', async () => {
    const program = fileURLToPath(new URL('server.mjs', import.meta.url))
    const server = spawn(process.execPath, [program, namespace, runtime], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SANDBOX_BASE_PYTHON_IMAGE: images.python },
    })
    onTestFinished(() => void server.kill('SIGKILL'))
    const [name] = await within('the server has a lease', firstLineOf(server.stdout), 60_000)
    const owner = name?.split('_').at(-1) ?? ''
    const labels = `${OWNER_LABEL}=${owner}`
    server.kill('SIGKILL')
    await until('the pods of the server have ended', async () => {
      const pods = await podsOf(namespace, labels)
      return pods.every(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')
    })
    const engine = createKubernetesEngine({ namespace })
    onTestFinished(() => engine.close())
    // The engine of the same owner removes them at once. Another owner would wait for a minute.
    expect(await engine.sweep({ owner, isLaunching: () => false })).toBeGreaterThan(0)
    expect((await podsOf(namespace, labels)).length).toBe(0)
  })
})

describe.skipIf(cluster === '')('the trial of the network', () => {
  const networkLine = async () => {
    const engine = createKubernetesEngine({
      namespace,
      nodeSelector: { 'kubernetes.io/hostname': NODE },
    })
    const languages = { python: { ...python, size: 0 } }
    const pool = new SandboxPool({ engine, runtime: 'runc', languages })
    onTestFinished(() => pool.close({ deadlineMs: 0 }))
    const report = await pool.doctor({ trials: ['network'] })
    return report.languages.python?.findings.find(({ name }) => name === 'network')
  }

  it('finds that no policy denies the traffic between pods', async () => {
    expect(await networkLine()).toMatchObject({
      grade: 'broken',
      found: expect.stringContaining('a program reached another container'),
    })
  })

  it('proves that traffic is denied', async () => {
    // A pod gets a port of the bridge when it starts, so new ports are isolated again and again.
    const isolating = setInterval(isolatePorts, 200)
    onTestFinished(() => clearInterval(isolating))
    expect(await networkLine()).toMatchObject({
      grade: 'ok',
      found: expect.stringContaining('nothing arrives at another container'),
    })
  })
})

describe('a launch that the cluster refuses', () => {
  const small = `quota-${randomBytes(4).toString('hex')}`
  useNamespace(small)

  it('a quota is a typed error with a time to retry, also over HTTP', async () => {
    await core.createNamespacedResourceQuota({
      namespace: small,
      body: { metadata: { name: 'none' }, spec: { hard: { pods: '0' } } },
    })
    await until('the quota counts', async () => {
      const { status } = await core.readNamespacedResourceQuota({ namespace: small, name: 'none' })
      return status?.hard?.pods === '0'
    })
    const pool = poolOfTest({ namespace: small })
    const [error] = (await pool.start()).python?.errors ?? []
    expect(error).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED', retryAfterMs: 5000 })
    expect(error?.message).toContain('exceeded quota')

    const response = await createApp(pool).request('/run', { method: 'POST', body: '1' })
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await response.text()).not.toContain('quota')
  })

  it('a pod that no node takes is a typed error with the reason', async () => {
    const pool = poolOfTest({
      namespace,
      nodeSelector: { 'hono-sandbox.test': 'none' },
      launchTimeoutMs: 10_000,
    })
    const [error] = (await pool.start()).python?.errors ?? []
    expect(error).toMatchObject({ code: 'SANDBOX_ENGINE_FAILED', retryAfterMs: 5000 })
    expect(error?.message).toMatch(/no node takes a pod.*node/)
  })
})

it('the cluster removes the pods of an app with the pod of the app', async () => {
  const container = { name: 'app', image: 'none.invalid/app:1', imagePullPolicy: 'Never' }
  const app = await core.createNamespacedPod({
    namespace,
    body: { metadata: { name: 'app' }, spec: { containers: [container] } },
  })
  const engine = createKubernetesEngine({
    namespace,
    owner: { name: 'app', uid: app.metadata?.uid ?? '' },
  })
  const pool = new SandboxPool({ engine, runtime: 'runc', languages: { python } })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  expect((await pool.start()).python?.ready).toBe(1)
  await deletePod(namespace, 'app')
  await until('the pod of the sandbox is removed', async () => {
    const pods = await podsOf(namespace)
    return pods.every(({ metadata }) => !metadata?.ownerReferences)
  })
})

/** Lets the bridge of a node drop the traffic between pods, as a network plugin with a policy would. */
function isolatePorts(): void {
  const ports = ip('-o', 'link', 'show', 'master', 'cni0').matchAll(/^\d+: ([^:@]+)/gm)
  for (const [, port = ''] of ports) {
    ip('link', 'set', port, 'type', 'bridge_slave', 'isolated', 'on')
  }
}

/**
 * Calls ip in the network namespace of the node. Ignores errors, because a pod or the bridge may
 * not exist yet.
 */
function ip(...args: string[]): string {
  return spawnSync('ip', ['-n', NODE, ...args], { encoding: 'utf8' }).stdout
}

/** Returns the errors of the start of a pool. */
function poolOfTest(options: Parameters<typeof createKubernetesEngine>[0]): SandboxPool {
  const engine = createKubernetesEngine(options)
  const pool = new SandboxPool({ engine, runtime: 'runc', languages: { python } })
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}

function firstLineOf(input: NodeJS.ReadableStream): Promise<[string | undefined]> {
  return new Promise((resolve) => {
    createInterface({ input }).once('line', (line) => resolve([line]))
  })
}
