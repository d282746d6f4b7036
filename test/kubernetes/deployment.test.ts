import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { root } from '../helpers/docs.js'
import { fetchOnce } from '../helpers/http.js'
import { until } from '../helpers/until.js'
import { cluster, core, podsOf } from './cluster.js'

/** The namespace of the manifests. */
const namespace = 'sandboxes'
const deployment = 'deployment/code-runner'
const token = randomBytes(16).toString('hex')
/** The number of clients that run programs at the same time. */
const CLIENTS = 2

// The overlay works only on the test cluster, which has no registry and no kube-proxy.
describe.skipIf(cluster === '')('the code runner that deploy/kubernetes deploys', () => {
  beforeAll(async () => {
    const manifests = await kubectl(['kustomize', path.join(root, 'test/kubernetes/overlay')])
    const [first = '', ...others] = manifests.replaceAll('/REPOSITORY', root).split('\n---\n')
    expect(first).toContain('kind: Namespace')
    await apply(first)
    const stringData = { token, secret: randomBytes(32).toString('hex') }
    const body = { metadata: { name: 'code-runner' }, stringData }
    await core.createNamespacedSecret({ namespace, body })
    await apply(others.join('\n---\n'))
    await kubectl(['rollout', 'status', deployment, '--timeout=100s'])
  })

  afterAll(async () => {
    // The RuntimeClass stays, because other tests use it.
    await core.deleteNamespace({ name: namespace })
  })

  it('runs programs under gVisor with the rights of its account', async () => {
    expect((await ready()).length).toBe(2)
    for (const address of await ready()) {
      expect(await kernelAt(address, 'python')).toContain('Linux version 4.4.0')
      expect(await kernelAt(address, 'nodejs')).toContain('Linux version 4.4.0')
    }
  })

  it('answers each request while a rollout replaces both replicas', async () => {
    const before = await replicas()
    const rollout = new AbortController()
    onTestFinished(() => rollout.abort())
    const clients = Array.from({ length: CLIENTS }, () => answersUntil(rollout.signal))
    const load = Promise.all(clients)
    await kubectl(['set', 'env', deployment, 'SANDBOX_RUNTIME=runc'])
    await Promise.race([kubectl(['rollout', 'status', deployment, '--timeout=200s']), load])
    // The replaced replicas may still drain.
    await until('the replaced replicas are gone', async () => {
      const now = await replicas()
      return now.length === 2 && now.every((name) => !before.includes(name))
    })
    rollout.abort()
    const addresses = (await load).flat()
    expect(new Set(addresses).size).toBe(2)
    for (const address of await ready()) {
      expect(await kernelAt(address, 'python')).not.toContain('Linux version 4.4.0')
    }
  }, 240_000)

  it('leaves nothing behind', async () => {
    // The account is deleted last, because the app needs its rights to remove the pods.
    await kubectl(['delete', 'deployment,service,poddisruptionbudget', '--all'])
    await until('no pod is left', async () => (await podsOf(namespace)).length === 0, 60_000)
    expect(await kubectl(['get', 'all'])).toBe('')
  })
})

/** Runs kubectl with an input. Returns its output. */
async function kubectl(args: readonly string[], input = ''): Promise<string> {
  const program = `${cluster}/k8sbin/usr/bin/kubectl`
  const running = promisify(execFile)(program, ['-n', namespace, ...args])
  running.child.stdin?.end(input)
  return (await running).stdout
}

async function apply(manifests: string): Promise<void> {
  await kubectl(['apply', '-f', '-'], manifests)
}

/** Returns the addresses of the replicas that the Service sends requests to. */
async function ready(): Promise<string[]> {
  const { subsets = [] } = await core.readNamespacedEndpoints({ namespace, name: 'code-runner' })
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    addresses.map(({ ip }) => `${ip}:${ports[0]?.port}`),
  )
}

/** Returns the names of the pods of the app. */
async function replicas(): Promise<string[]> {
  const pods = await podsOf(namespace, 'app=code-runner')
  return pods.map(({ metadata }) => metadata?.name ?? '')
}

/**
 * Runs one program after the other on the ready replicas. Returns the addresses of these replicas.
 */
async function answersUntil(signal: AbortSignal): Promise<string[]> {
  const used: string[] = []
  for (let turn = 0; !signal.aborted; turn++) {
    const addresses = await ready()
    const address = addresses[turn % addresses.length]
    if (address === undefined) throw new Error('no replica is ready')
    const nonce = randomBytes(8).toString('hex')
    const answer = await post(address, 'python', `print("${nonce}")`)
    if (!isRefused(answer)) {
      expect(outputOf(answer)).toBe(`${nonce}\n`)
      used.push(address)
    }
    await sleep(100)
  }
  return used
}

function kernelAt(address: string, language: 'python' | 'nodejs'): Promise<string> {
  const code = {
    python: 'print(open("/proc/version").read())',
    nodejs: 'console.log(require("node:fs").readFileSync("/proc/version", "utf8"))',
  }
  return stdoutAt(address, language, code[language])
}

async function stdoutAt(address: string, language: string, code: string): Promise<string> {
  return outputOf(await post(address, language, code))
}

interface Answer {
  status: number
  text: string
}

async function post(address: string, language: string, code: string): Promise<Answer> {
  const response = await fetchOnce(`http://${address}/run`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ language, code }),
  })
  return { status: response.status, text: await response.text() }
}

/**
 * Whether a client must try again: a small machine launches too slowly, or the request waited in the
 * queue when its replica began to drain.
 */
function isRefused({ status, text }: Answer): boolean {
  return status === 503 && /"SANDBOX_(?:ACQUIRE_TIMEOUT|CLOSED)"/.test(text)
}

/** Returns the output of a program. Fails if the answer is not that of a program. */
function outputOf({ status, text }: Answer): string {
  expect(status, text).toBe(200)
  const { stdout }: { stdout: string } = JSON.parse(text)
  return stdout
}
