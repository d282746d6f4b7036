import * as v from 'valibot'
import { check } from '../../schemas/check.js'
import type { RuntimesByName } from './runtimes.js'
import { DEFAULT_RUNTIMES } from './runtimes.js'

/** A toleration of a pod, as in its `tolerations`. */
export interface PodToleration {
  /** The key of the taint. Without it, all taints are tolerated. */
  key?: string | undefined
  /** How the key is compared: `Equal` to the value, or `Exists`. */
  operator?: 'Equal' | 'Exists' | undefined
  /** The value of the taint. */
  value?: string | undefined
  /** The effect of the taint. Without it, all effects are tolerated. */
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' | undefined
}

/** The pod that an app runs in. */
export interface OwnerPod {
  name: string
  uid: string
}

/** The options of `createKubernetesEngine()`. */
export interface KubernetesEngineOptions {
  /**
   * The namespace of the pods.
   *
   * @default the namespace of the context; in a cluster, the namespace of the app
   */
  namespace?: string | undefined
  /**
   * The path of a kubeconfig file.
   *
   * @default the file that `KUBECONFIG` names, `~/.kube/config`, or the service account of the app
   */
  kubeconfig?: string | undefined
  /**
   * The runtimes by name, in order of preference. `runtime` and `SANDBOX_RUNTIME` choose one of them.
   * A runtime whose RuntimeClass does not exist is left out.
   *
   * @default { runsc: { runtimeClass: 'gvisor', hasOwnKernel: true }, runc: { hasOwnKernel: false } }
   */
  runtimes?: RuntimesByName | undefined
  /**
   * The CPUs that the scheduler reserves for a pod, 0.001 to 1024. The limit is `cpus` of the pool.
   *
   * @default 0.1
   */
  cpuRequest?: number | undefined
  /** The labels of the nodes that take the pods. */
  nodeSelector?: Record<string, string> | undefined
  /** The taints of nodes that the pods tolerate. */
  tolerations?: PodToleration[] | undefined
  /** The name of the PriorityClass of the pods. */
  priorityClass?: string | undefined
  /**
   * When a node pulls the image of a pod.
   *
   * @default 'IfNotPresent'
   */
  pullPolicy?: 'Always' | 'IfNotPresent' | 'Never' | undefined
  /** The names of the secrets of private registries, in the namespace. */
  pullSecrets?: string[] | undefined
  /**
   * The path of a seccomp profile, relative to the kubelet's folder of profiles.
   *
   * @default the default profile of the container runtime
   */
  seccompProfile?: string | undefined
  /**
   * The pod of the app, in the same namespace. When it is gone, the cluster removes the pods of the
   * sandboxes.
   *
   * @default the pod that `POD_NAME`, `POD_UID` and `POD_NAMESPACE` name, if the namespace is the same
   */
  owner?: OwnerPod | undefined
  /**
   * The greatest age of a pod, in milliseconds, 60 000 to 31 536 000 000 (a year). Kubernetes ends
   * older pods, even if the app no longer runs.
   *
   * @default 86_400_000
   */
  lifetimeMs?: number | undefined
  /**
   * The time limit for the start of a pod, in milliseconds, 1 to 600 000: scheduling, pulling the
   * image, and starting the container.
   *
   * @default 60_000
   */
  launchTimeoutMs?: number | undefined
  /**
   * The time after which a silent container counts as lost with its node, in milliseconds, 5000 to
   * 60 000, if the API server answers.
   *
   * @default 25_000
   */
  nodeLostMs?: number | undefined
  /**
   * The time limit of each call to the API server, in milliseconds, 1 to 60 000.
   *
   * @default 15_000
   */
  timeoutMs?: number | undefined
}

const Text = v.pipe(v.string(), v.minLength(1, 'a text that is not empty'))
const between = (min: number, max: number) =>
  v.pipe(v.number(), v.minValue(min, `${min} or more`), v.maxValue(max, `${max} or less`))

/** The greatest time limit for the start of a pod. A pending pod that is older has no launch. */
export const MAX_LAUNCH_MS = 600_000

const Options = v.strictObject({
  namespace: v.optional(Text),
  kubeconfig: v.optional(Text),
  runtimes: v.optional(
    v.record(Text, v.strictObject({ runtimeClass: v.optional(Text), hasOwnKernel: v.boolean() })),
  ),
  cpuRequest: v.optional(between(0.001, 1024)),
  nodeSelector: v.optional(v.record(v.string(), v.string())),
  tolerations: v.optional(
    v.array(
      v.strictObject({
        key: v.optional(Text),
        operator: v.optional(v.picklist(['Equal', 'Exists'])),
        value: v.optional(v.string()),
        effect: v.optional(v.picklist(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
      }),
    ),
  ),
  priorityClass: v.optional(Text),
  pullPolicy: v.optional(v.picklist(['Always', 'IfNotPresent', 'Never'])),
  pullSecrets: v.optional(v.array(Text)),
  seccompProfile: v.optional(Text),
  owner: v.optional(v.strictObject({ name: Text, uid: Text })),
  lifetimeMs: v.optional(between(60_000, 31_536_000_000)),
  launchTimeoutMs: v.optional(between(1, MAX_LAUNCH_MS)),
  nodeLostMs: v.optional(between(5000, 60_000)),
  timeoutMs: v.optional(between(1, 60_000)),
})

/** The options with their defaults. */
export type Settings = ReturnType<typeof settingsOf>

/**
 * Checks the options and adds the defaults. `found` is the namespace of the cluster's context.
 *
 * @throws SandboxError `SANDBOX_INVALID_OPTION`
 */
export function settingsOf(options: KubernetesEngineOptions, found: string | undefined) {
  const checked = check(Options, options, 'createKubernetesEngine')
  const namespace = checked.namespace ?? found ?? 'default'
  return {
    ...checked,
    namespace,
    runtimes: checked.runtimes ?? DEFAULT_RUNTIMES,
    cpuRequest: checked.cpuRequest ?? 0.1,
    pullPolicy: checked.pullPolicy ?? 'IfNotPresent',
    owner: checked.owner ?? ownPod(namespace),
    lifetimeMs: checked.lifetimeMs ?? 86_400_000,
    launchTimeoutMs: checked.launchTimeoutMs ?? 60_000,
    nodeLostMs: checked.nodeLostMs ?? 25_000,
    timeoutMs: checked.timeoutMs ?? 15_000,
  }
}

/** An owner in another namespace does not count: the cluster would remove its pods at once. */
function ownPod(namespace: string): OwnerPod | undefined {
  const { POD_NAME: name, POD_UID: uid, POD_NAMESPACE } = process.env
  return name && uid && POD_NAMESPACE === namespace ? { name, uid } : undefined
}
