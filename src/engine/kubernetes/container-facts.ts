import type { V1Pod, V1PodSpec, V1SecurityContext, V1Volume } from '@kubernetes/client-node'
import type { ContainerFacts, HostMount } from '../container-facts.js'
import { kernelOf } from '../gvisor.js'
import { networkOf } from './labels.js'
import { CONTAINER, USER_VARIABLES } from './pod-spec.js'
import { numberOf } from './quantity.js'
import type { RuntimesByName } from './runtimes.js'

/** The paths that the kubelet lets a runtime mask and make read-only, unless `procMount` says otherwise. */
const MASKED = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
]
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** The resources of a container that are not devices. */
const RESOURCES = /^(?:cpu|memory|ephemeral-storage|hugepages-.*)$/

/**
 * Reads a pod as the cluster stores it: policies and webhooks of the cluster may have changed it.
 * Kubernetes tells neither the kubelet's limit of processes nor the CPU time that was used.
 */
export function factsOf({ metadata = {}, spec }: V1Pod, runtimes: RuntimesByName): ContainerFacts {
  const container = spec?.containers.find(({ name }) => name === CONTAINER)
  const { securityContext: security = {}, resources = {}, env = [], envFrom = [] } = container ?? {}
  const { limits = {}, requests = {} } = resources
  const name = runtimeOf(spec?.runtimeClassName, runtimes)
  const hasDefaultProc = (security.procMount ?? 'Default') === 'Default'
  return {
    runtime: { name, kernel: kernelOf(name) },
    // The engine gives the programs a user of their own, if pods share a kernel.
    user: spec?.securityContext?.fsGroup,
    capabilities: capabilitiesOf(security),
    isPrivileged: security.privileged === true,
    hasNoNewPrivileges: security.allowPrivilegeEscalation === false,
    hasSeccomp: hasSeccomp(security.seccompProfile ?? spec?.securityContext?.seccompProfile),
    isRootReadOnly: security.readOnlyRootFilesystem === true,
    mounts: (container?.volumeMounts ?? []).flatMap(({ name: volume, mountPath, readOnly }) => {
      const source = spec?.volumes?.find((each) => each.name === volume)
      return isMemory(source) ? [] : [mount(volume, mountPath, readOnly !== true)]
    }),
    devices: [
      ...(container?.volumeDevices ?? []).map(({ devicePath }) => devicePath),
      ...Object.keys(limits).filter((resource) => !RESOURCES.test(resource)),
    ],
    sharedNamespaces: spec ? sharedBy(spec) : [],
    maskedPaths: hasDefaultProc ? MASKED : [],
    readOnlyPaths: hasDefaultProc ? READ_ONLY : [],
    variables: [
      ...env.map((variable) => variable.name).filter((each) => !USER_VARIABLES.includes(each)),
      ...envFrom.map(({ configMapRef, secretRef }) => configMapRef?.name ?? secretRef?.name ?? ''),
    ],
    // The kubelet reads the log of each container.
    keepsLogs: true,
    memoryBytes: limitOf(limits.memory),
    // The kubelet gives no swap to a container that requests all memory of its limit.
    swapBytes: limits.memory !== undefined && limits.memory === requests.memory ? 0 : Infinity,
    cpus: limitOf(limits.cpu),
    network: spec?.hostNetwork === true ? 'host' : networkOf(metadata),
  }
}

/** Returns the name of the runtime that has the RuntimeClass. */
function runtimeOf(runtimeClass: string | undefined, runtimes: RuntimesByName): string {
  const known = Object.entries(runtimes).find(([, each]) => each.runtimeClass === runtimeClass)
  return known?.[0] ?? `the RuntimeClass ${runtimeClass ?? 'of the nodes'}`
}

function capabilitiesOf({ capabilities: { add = [], drop = [] } = {} }: V1SecurityContext) {
  return drop.includes('ALL') ? add : ['the defaults of the nodes', ...add]
}

function hasSeccomp(profile: V1SecurityContext['seccompProfile']): boolean {
  return profile !== undefined && profile.type !== 'Unconfined'
}

function isMemory(volume: V1Volume | undefined): boolean {
  return volume?.emptyDir?.medium === 'Memory'
}

function mount(source: string, target: string, isWritable: boolean): HostMount {
  return { source, target, isWritable }
}

/** The containers of a pod share the network and the ipc of the pod. */
function sharedBy(spec: V1PodSpec): string[] {
  const { hostPID, hostIPC, hostNetwork, shareProcessNamespace, containers } = spec
  const hasOthers = containers.length + (spec.ephemeralContainers?.length ?? 0) > 1
  const shared = {
    pid: hostPID === true || (hasOthers && shareProcessNamespace === true),
    ipc: hostIPC === true || hasOthers,
    network: hostNetwork === true || hasOthers,
  }
  return Object.entries(shared).flatMap(([name, isShared]) => (isShared ? [name] : []))
}

/** A quantity that cannot be read counts as no limit. */
function limitOf(quantity: string | undefined): number {
  const limit = numberOf(quantity ?? '')
  return Number.isNaN(limit) ? Infinity : limit
}
