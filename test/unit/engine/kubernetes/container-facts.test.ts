import type { V1Container, V1Pod, V1PodSpec } from '@kubernetes/client-node'
import { expect, it } from 'vitest'
import { factsOf } from '../../../../src/engine/kubernetes/container-facts.js'
import { podOf } from '../../../../src/engine/kubernetes/pod-spec.js'
import { numberOf } from '../../../../src/engine/kubernetes/quantity.js'
import { DEFAULT_RUNTIMES } from '../../../../src/engine/kubernetes/runtimes.js'
import { settingsOf } from '../../../../src/engine/kubernetes/settings.js'
import { specOf } from '../../../helpers/launch-spec.js'

const MIB = 1024 ** 2
const NONE = Number.POSITIVE_INFINITY

/** The pod of a launch, after the changes of a webhook of the cluster. */
interface Changes {
  pod?: Partial<V1Pod>
  spec?: Partial<V1PodSpec>
  container?: Partial<V1Container>
}

function factsWith({ pod, spec, container }: Changes = {}) {
  const settings = settingsOf({ namespace: 'boxes' }, undefined)
  const runtime = { hasOwnKernel: false }
  const launched = podOf(specOf({ network: 'two words' }), runtime, { engine: 'e', settings })
  Object.assign(launched, pod)
  Object.assign(launched.spec ?? {}, spec)
  Object.assign(launched.spec?.containers[0] ?? {}, container)
  return factsOf(launched, DEFAULT_RUNTIMES)
}

it('reads the pod of a launch', () => {
  expect(factsWith()).toEqual({
    runtime: { name: 'runc', kernel: undefined },
    user: expect.any(Number),
    capabilities: ['KILL', 'SETGID', 'SETUID'],
    isPrivileged: false,
    hasNoNewPrivileges: true,
    hasSeccomp: true,
    isRootReadOnly: true,
    mounts: [],
    devices: [],
    sharedNamespaces: [],
    maskedPaths: expect.arrayContaining(['/proc/kcore', '/sys/firmware']),
    readOnlyPaths: expect.arrayContaining(['/proc/sys']),
    variables: [],
    keepsLogs: true,
    memoryBytes: 256 * MIB,
    swapBytes: 0,
    cpus: 1,
    network: 'two words',
  })
})

const SIDECAR = { name: 'proxy', image: 'proxy' }
const TOKEN = { name: 'token', mountPath: '/var/run/secrets/token', readOnly: true }

it.each<[Changes, object]>([
  [{ container: { securityContext: {} } }, { hasNoNewPrivileges: false, isRootReadOnly: false }],
  [
    { container: { securityContext: {} } },
    { capabilities: ['the defaults of the nodes'], hasSeccomp: true },
  ],
  [
    { container: { securityContext: { seccompProfile: { type: 'Unconfined' } } } },
    { hasSeccomp: false },
  ],
  [
    { container: { securityContext: { privileged: true, procMount: 'Unmasked' } } },
    { isPrivileged: true, maskedPaths: [], readOnlyPaths: [] },
  ],
  [
    { container: { volumeMounts: [TOKEN] } },
    { mounts: [{ source: 'token', target: TOKEN.mountPath, isWritable: false }] },
  ],
  [
    { container: { resources: { limits: { memory: '1Gi', 'example.com/gpu': '1' } } } },
    { memoryBytes: 1024 * MIB, swapBytes: NONE, cpus: NONE, devices: ['example.com/gpu'] },
  ],
  [{ container: { env: [{ name: 'SECRET' }, { name: 'USER' }] } }, { variables: ['SECRET'] }],
  [{ container: { envFrom: [{ secretRef: { name: 'keys' } }] } }, { variables: ['keys'] }],
  [
    { spec: { hostPID: true, hostIPC: true, hostNetwork: true } },
    { sharedNamespaces: ['pid', 'ipc', 'network'], network: 'host' },
  ],
  [{ spec: { runtimeClassName: 'gvisor' } }, { runtime: { name: 'runsc', kernel: /gvisor/i } }],
  [{ spec: { runtimeClassName: 'kata' } }, { runtime: { name: 'the RuntimeClass kata' } }],
  [{ pod: { metadata: { labels: { 'hono-sandbox.network': 'open' } } } }, { network: 'open' }],
])('tells the change %j', (changes, facts) => {
  const { runtime, ...found } = factsWith(changes)
  const kernel = runtime.kernel && /gvisor/i
  expect({ ...found, runtime: { ...runtime, kernel } }).toMatchObject(facts)
})

it('reports that another container of the pod shares its namespaces', () => {
  const settings = settingsOf({ namespace: 'boxes' }, undefined)
  const pod = podOf(specOf(), { hasOwnKernel: false }, { engine: 'e', settings })
  pod.spec?.containers.unshift(SIDECAR)
  const { sharedNamespaces, hasSeccomp } = factsOf(pod, DEFAULT_RUNTIMES)
  expect({ sharedNamespaces, hasSeccomp }).toEqual({
    sharedNamespaces: ['ipc', 'network'],
    hasSeccomp: true,
  })
})

it.each([
  ['256Mi', 256 * MIB],
  ['1k', 1000],
  ['500m', 0.5],
  ['12e3', 12_000],
  ['2E', 2e18],
  ['', NaN],
  ['lots', NaN],
  ['1Xi', NaN],
])('reads the quantity %j', (text, number) => {
  expect(numberOf(text)).toBe(number)
})
