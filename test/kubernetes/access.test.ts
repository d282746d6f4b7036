import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { V1Role, V1RoleBinding, V1ServiceAccount } from '@kubernetes/client-node'
import {
  AuthorizationV1Api,
  KubeConfig,
  loadAllYaml,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Engine } from 'hono-sandbox'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { specOf } from '../helpers/launch-spec.js'
import { root } from '../helpers/docs.js'
import { until, within } from '../helpers/until.js'
import { config, core, images, podsOf, useNamespace } from './cluster.js'

const namespace = `access-${randomBytes(4).toString('hex')}`
const rbac = config.makeApiClient(RbacAuthorizationV1Api)
const manifest = readFileSync(path.join(root, 'deploy/kubernetes/access.yaml'), 'utf8')
const documents = loadAllYaml(manifest)
const account: V1ServiceAccount = documents[0]
const role: V1Role = documents[1]
const binding: V1RoleBinding = documents[2]
const RIGHTS = (role.rules ?? []).flatMap(({ resources = [], verbs }) =>
  verbs.map((verb): [string, string] => [verb, resources[0] ?? '']),
)

useNamespace(namespace)

const folder = mkdtempSync(path.join(tmpdir(), 'hono-sandbox-access-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the rights in deploy/kubernetes', () => {
  let kubeconfig = ''

  beforeAll(async () => {
    await core.createNamespacedServiceAccount({ namespace, body: account })
    await rbac.createNamespacedRole({ namespace, body: role })
    await rbac.createNamespacedRoleBinding({ namespace, body: binding })
    const { status } = await core.createNamespacedServiceAccountToken({
      namespace,
      name: account.metadata?.name ?? '',
      body: { spec: { audiences: [], expirationSeconds: 3600 } },
    })
    kubeconfig = path.join(folder, 'config')
    writeFileSync(kubeconfig, configWith(status?.token ?? ''))
  })

  it('are enough', async () => {
    await untilAllowed(RIGHTS)
    expect(await useOf(engineOfTest())).toEqual([])
    expect(await podsOf(namespace)).toHaveLength(0)
  })

  // A WebSocket needs "create" of pods/attach only from Kubernetes 1.35.
  const needed = RIGHTS.filter(([verb, resource]) => `${verb} ${resource}` !== 'create pods/attach')

  it.each(needed)('without %s of %s, the engine does not work', async (verb, resource) => {
    const { metadata } = role
    const rules = (role.rules ?? []).map(({ apiGroups, resources, verbs }) => {
      const left = verbs.filter((each) => each !== verb || !resources?.includes(resource))
      return { apiGroups, resources, verbs: left }
    })
    const name = metadata?.name ?? ''
    await rbac.replaceNamespacedRole({ namespace, name, body: { metadata, rules } })
    onTestFinished(async () => {
      await rbac.replaceNamespacedRole({ namespace, name, body: role })
      await core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 })
    })
    await untilAllowed(RIGHTS.filter((each) => each[0] !== verb || each[1] !== resource))
    expect(await useOf(engineOfTest())).not.toEqual([])
  })

  /** Waits until the API server, which keeps the rights in a cache, allows these and no others. */
  async function untilAllowed(rights: readonly [string, string][]): Promise<void> {
    const account = new KubeConfig()
    account.loadFromFile(kubeconfig)
    const authorization = account.makeApiClient(AuthorizationV1Api)
    const isAllowed = async ([verb, path]: [string, string]) => {
      const [resource, subresource] = path.split('/')
      const resourceAttributes = { namespace, verb, resource, subresource }
      const { status } = await authorization.createSelfSubjectAccessReview({
        body: { spec: { resourceAttributes } },
      })
      return status?.allowed === true
    }
    await until('the API server knows the rights', async () => {
      const allowed = await Promise.all(RIGHTS.map(isAllowed))
      return RIGHTS.every((each, at) => allowed[at] === rights.includes(each))
    })
  }

  function engineOfTest(): Engine {
    const engine = createKubernetesEngine({ namespace, kubeconfig, launchTimeoutMs: 10_000 })
    onTestFinished(() => engine.close())
    return engine
  }
})

/** Calls each function of an engine, and returns the errors. */
async function useOf(engine: Engine): Promise<unknown[]> {
  const name = `sandbox_access_${randomBytes(4).toString('hex')}`
  const spec = specOf({ name, image: images.python, command: ['cat'] })
  const isLaunching = (launching: string) => launching === name
  const calls = [
    async () => {
      const container = await engine.launch(spec)
      await within('the container is removed', container.remove())
    },
    () => engine.sweep({ owner: spec.owner, isLaunching }),
  ]
  const outcomes = []
  for (const call of calls) outcomes.push(await Promise.allSettled([call()]))
  return outcomes.flat().flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
}

/** Returns a kubeconfig for the cluster of the tests with the token of an account. */
function configWith(token: string): string {
  const { name, server, caData, caFile } = config.getCurrentCluster() ?? {}
  const authority = {
    'certificate-authority-data': caData,
    'certificate-authority': caFile,
  }
  return JSON.stringify({
    clusters: [{ name, cluster: { server, ...authority } }],
    users: [{ name: 'account', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: name, user: 'account' } }],
    'current-context': 'test',
  })
}
