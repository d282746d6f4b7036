import type { V1Pod } from '@kubernetes/client-node'
import { ApiException, CoreV1Api, KubeConfig, NodeV1Api } from '@kubernetes/client-node'
import { afterAll, beforeAll } from 'vitest'

/** The images of the tests. The nodes have them, or can pull them. */
export const images = {
  python: process.env.SANDBOX_BASE_PYTHON_IMAGE || 'hono-sandbox/python:bookworm',
  nodejs: process.env.SANDBOX_BASE_NODEJS_IMAGE || 'hono-sandbox/nodejs:24',
}

const NEEDS =
  'test:kubernetes needs a cluster. KUBECONFIG names the file of an account that may create namespaces. ' +
  `The nodes have the images ${images.python} and ${images.nodejs}, or those that ` +
  'SANDBOX_BASE_PYTHON_IMAGE and SANDBOX_BASE_NODEJS_IMAGE name. With a RuntimeClass gvisor, whose ' +
  'handler has --network=none, the tests run under gVisor, too'

/**
 * The work folder of the cluster that `with-cluster.sh` starts; '' for another cluster. Only the
 * parts of the former can be stopped.
 */
export const { W: cluster = '' } = process.env

if (!process.env.KUBECONFIG) throw new Error(NEEDS)

/** The configuration of the account that runs the tests. */
export const config = new KubeConfig()
config.loadFromDefault()

/** A client of the cluster that does not use the library. */
export const core = config.makeApiClient(CoreV1Api)

/** The runtimes of the tests whose RuntimeClass the cluster has. */
export const runtimes = await runtimesOf()

async function runtimesOf() {
  const { items } = await config.makeApiClient(NodeV1Api).listRuntimeClass()
  const names = items.map(({ metadata }) => metadata?.name)
  return [
    { name: 'runc', hasOwnKernel: false },
    ...(names.includes('gvisor') ? [{ name: 'runsc', hasOwnKernel: true }] : []),
  ]
}

/** Makes a namespace for a file of tests, and removes it after them. */
export function useNamespace(namespace: string): void {
  beforeAll(async () => {
    await core.createNamespace({ body: { metadata: { name: namespace } } })
  })
  afterAll(async () => {
    await core.deleteNamespace({ name: namespace })
  })
}

/** Returns the pods that have the labels. */
export async function podsOf(namespace: string, labelSelector = ''): Promise<readonly V1Pod[]> {
  const { items } = await core.listNamespacedPod({ namespace, labelSelector })
  return items
}

export async function readPod(namespace: string, name: string): Promise<V1Pod | undefined> {
  return core.readNamespacedPod({ namespace, name }).catch(missing)
}

export async function deletePod(namespace: string, name: string): Promise<void> {
  const body = { gracePeriodSeconds: 0 }
  await core.deleteNamespacedPod({ namespace, name, body }).catch(missing)
}

/** Evicts a pod, as the drain of a node does. */
export async function evictPod(namespace: string, name: string): Promise<void> {
  // Without an API version in the body, every version of Kubernetes accepts it.
  await core.createNamespacedPodEviction({ namespace, name, body: { metadata: { name } } })
}

/** Lowers the deadline of a pod, so that the pod reaches it. */
export async function expirePod(namespace: string, name: string): Promise<void> {
  const deadline = { op: 'replace', path: '/spec/activeDeadlineSeconds', value: 1 }
  await core.patchNamespacedPod({ namespace, name, body: [deadline] })
}

function missing(error: unknown): undefined {
  if (error instanceof ApiException && error.code === 404) return undefined
  throw error
}

/** Returns whether the API server answers. */
export async function isAnswering(): Promise<boolean> {
  return core.listNamespace().then(
    () => true,
    () => false,
  )
}
