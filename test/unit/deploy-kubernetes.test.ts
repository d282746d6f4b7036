import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { dumpYaml, loadYaml } from '@kubernetes/client-node'
import { DaemonSet, Deployment } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { RuntimeClass } from 'kubernetes-models/node.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { Role, RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1'
import { Namespace, Pod, ResourceQuota, Service, ServiceAccount } from 'kubernetes-models/v1'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { podOf } from '../../src/engine/kubernetes/pod-spec.js'
import { settingsOf } from '../../src/engine/kubernetes/settings.js'
import { root } from '../helpers/docs.js'
import { specOf } from '../helpers/launch-spec.js'

/** The objects of the manifests, with the schema of each from Kubernetes' OpenAPI document. */
const MODELS = {
  'apps/v1 DaemonSet': DaemonSet,
  'apps/v1 Deployment': Deployment,
  'autoscaling/v2 HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'networking.k8s.io/v1 Ingress': Ingress,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'node.k8s.io/v1 RuntimeClass': RuntimeClass,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'rbac.authorization.k8s.io/v1 Role': Role,
  'rbac.authorization.k8s.io/v1 RoleBinding': RoleBinding,
  'v1 Namespace': Namespace,
  'v1 Pod': Pod,
  'v1 ResourceQuota': ResourceQuota,
  'v1 Service': Service,
  'v1 ServiceAccount': ServiceAccount,
}
const isKnown = (name: string): name is keyof typeof MODELS => Object.hasOwn(MODELS, name)

/** Throws if a field is missing or has another type, or if Kubernetes does not know a field. */
function check(text: string): void {
  const manifest = parse(text)
  const name = `${manifest.apiVersion} ${manifest.kind}`
  if (!isKnown(name)) throw new Error(`the test has no schema of ${name}`)
  new MODELS[name](manifest).validate()
  // The client drops what is not in the schema.
  expect(parse(dumpYaml(loadYaml(text)))).toEqual(manifest)
}

const folder = path.join(root, 'deploy/kubernetes')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
)

describe('the manifests follow the schema of Kubernetes', () => {
  it.each(files)('%s', (file) => {
    const documents = parseAllDocuments(readFileSync(path.join(folder, file), 'utf8'))
    expect(documents.length).toBeGreaterThan(0)
    for (const document of documents) check(JSON.stringify(document))
  })

  it('the pod of a launch', () => {
    const settings = settingsOf(
      {
        namespace: 'boxes',
        nodeSelector: { pool: 'sandboxes' },
        tolerations: [{ key: 'sandboxes', operator: 'Exists', effect: 'NoSchedule' }],
        owner: { name: 'app', uid: '1' },
        pullSecrets: ['registry'],
        priorityClass: 'low',
      },
      undefined,
    )
    const runtime = { runtimeClass: 'gvisor', hasOwnKernel: true }
    check(JSON.stringify(podOf(specOf(), runtime, { engine: 'e', settings, avoid: ['n1'] })))
  })

  it.each([
    { kind: 'Service', spec: { selektor: {} } },
    { kind: 'Service', spec: { ports: [{ port: 'http' }] } },
    { kind: 'Pod', spec: {} },
    { kind: 'Unheard' },
  ])('refuses %j', (manifest) => {
    expect(() => check(JSON.stringify({ apiVersion: 'v1', ...manifest }))).toThrow()
  })
})
