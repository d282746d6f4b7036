import { randomBytes } from 'node:crypto'
import { it } from 'vitest'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { podNameOf } from '../../src/engine/kubernetes/labels.js'
import { podOf } from '../../src/engine/kubernetes/pod-spec.js'
import { settingsOf } from '../../src/engine/kubernetes/settings.js'
import type { LaunchSpec, Runtime } from '../../src/engine/engine.js'
import { describeEngine } from '../contract/engine.js'
import { core, deletePod, images, readPod, runtimes, useNamespace } from './cluster.js'

/** Registers the contract of an engine for one runtime of the cluster, if the cluster has it. */
export function describeContract(name: string): void {
  const runtime = runtimes.find((each) => each.name === name)
  if (!runtime) return it.skip(`the cluster has no ${name}`)
  const namespace = `contract-${randomBytes(4).toString('hex')}`
  useNamespace(namespace)
  describeEngine(`Kubernetes with ${name}`, {
    createEngine: () => createKubernetesEngine({ namespace }),
    runtime,
    image: images.python,
    lacks: ['noexec', 'last output', ...lackOf(runtime)],
    leaveUnstarted: (spec) => leaveUnstarted(namespace, spec),
    stateOf: (container) => stateOf(namespace, container),
    removeFromOutside: (container) => deletePod(namespace, podNameOf(container)),
  })
}

/**
 * Returns the parts of the contract that a runtime lacks. Only gVisor isolates the network without
 * a policy.
 */
function lackOf({ hasOwnKernel }: Runtime): 'isolated network'[] {
  return hasOwnKernel ? [] : ['isolated network']
}

/** Makes a pod that never starts, because it fits on no node. */
async function leaveUnstarted(namespace: string, spec: LaunchSpec): Promise<void> {
  const settings = settingsOf({ namespace }, undefined)
  const runtime = settings.runtimes[spec.runtime] ?? { hasOwnKernel: false }
  const body = podOf(spec, runtime, {
    engine: 'none',
    settings: { ...settings, nodeSelector: { 'hono-sandbox.test': 'none' } },
  })
  await core.createNamespacedPod({ namespace, body })
}

async function stateOf(namespace: string, name: string): Promise<'gone' | 'unstarted' | 'running'> {
  const pod = await readPod(namespace, podNameOf(name))
  if (!pod) return 'gone'
  return pod.status?.phase === 'Pending' ? 'unstarted' : 'running'
}
