import { randomBytes } from 'node:crypto'
import { createKubernetesEngine } from 'hono-sandbox/kubernetes'
import { podNameOf } from '../../src/engine/kubernetes/labels.js'
import { podOf } from '../../src/engine/kubernetes/pod-spec.js'
import { settingsOf } from '../../src/engine/kubernetes/settings.js'
import type { LaunchSpec } from '../../src/engine/engine.js'
import { describeEngine } from '../contract/engine.js'
import { core, deletePod, images, readPod, runtimes, useNamespace } from './cluster.js'

const namespace = `contract-${randomBytes(4).toString('hex')}`
const settings = settingsOf({ namespace }, undefined)

useNamespace(namespace)

for (const runtime of runtimes) {
  describeEngine(`Kubernetes with ${runtime.name}`, {
    createEngine: () => createKubernetesEngine({ namespace }),
    runtime,
    image: images.python,
    lacks: runtime.hasOwnKernel ? ['noexec'] : ['noexec', 'isolated network'],
    leaveUnstarted,
    stateOf,
    removeFromOutside: (name) => deletePod(namespace, podNameOf(name)),
  })
}

/** Makes a pod that no node takes. */
async function leaveUnstarted(spec: LaunchSpec): Promise<void> {
  const runtime = settings.runtimes[spec.runtime] ?? { hasOwnKernel: false }
  const body = podOf(spec, runtime, {
    engine: 'none',
    settings: { ...settings, nodeSelector: { 'hono-sandbox.test': 'none' } },
  })
  await core.createNamespacedPod({ namespace, body })
}

async function stateOf(name: string): Promise<'gone' | 'unstarted' | 'running'> {
  const pod = await readPod(namespace, podNameOf(name))
  if (!pod) return 'gone'
  return pod.status?.phase === 'Pending' ? 'unstarted' : 'running'
}
