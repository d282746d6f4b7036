import { createHash } from 'node:crypto'
import type { V1NodeAffinity, V1Pod, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { LaunchSpec } from '../engine.js'
import { NOBODY } from '../user-ids.js'
import { gatedCommand } from './gate.js'
import { annotationsOf, labelsOf, podNameOf } from './labels.js'
import type { RuntimeOptions } from './runtimes.js'
import type { Settings } from './settings.js'

/** The name of the only container of a pod. */
export const CONTAINER = 'sandbox'

/** The variables that name the user of the programs, and the name. */
export const USER_VARIABLES: readonly string[] = ['USER', 'LOGNAME']
const USER_NAME = 'sandbox'

/** The first user id that a pod can get in place of nobody, and the number of these ids. */
const OWN_USERS = { first: 1_000_000_000, count: 1_000_000_000 }

/**
 * Returns the pod of a launch.
 *
 * The agent is root with only three capabilities, which suffice to start programs as another user and
 * to kill them. The Pod Security level is *baseline*: *restricted* refuses root and all capabilities
 * but one, and without them the programs could reach the agent.
 */
export function podOf(
  spec: LaunchSpec,
  runtime: RuntimeOptions,
  {
    engine,
    settings,
    avoid = [],
  }: { engine: string; settings: Settings; avoid?: readonly string[] },
): V1Pod {
  const user = userOf(spec, runtime)
  const { owner } = settings
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podNameOf(spec.name),
      namespace: settings.namespace,
      labels: labelsOf(spec, engine),
      annotations: annotationsOf(spec),
      // When the pod of the app is gone, the cluster removes the pods that it owns.
      ...(owner && { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', ...owner }] }),
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      // It can only be lowered later, so it is set at creation.
      activeDeadlineSeconds: Math.ceil(settings.lifetimeMs / 1000),
      hostname: 'sandbox',
      // Otherwise /etc/resolv.conf names the cluster and its namespace.
      ...(spec.network === 'none' && {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['127.0.0.1'] },
      }),
      ...(runtime.runtimeClass !== undefined && { runtimeClassName: runtime.runtimeClass }),
      ...(settings.nodeSelector && { nodeSelector: settings.nodeSelector }),
      ...(avoid.length > 0 && { affinity: { nodeAffinity: awayFrom(avoid) } }),
      ...(settings.tolerations && { tolerations: settings.tolerations }),
      ...(settings.priorityClass !== undefined && { priorityClassName: settings.priorityClass }),
      ...(settings.pullSecrets && {
        imagePullSecrets: settings.pullSecrets.map((name) => ({ name })),
      }),
      // The kubelet makes the workspace writable to this group. The agent takes its id from there.
      securityContext: { fsGroup: user, seccompProfile: seccompOf(settings) },
      containers: [
        {
          name: CONTAINER,
          image: spec.image,
          imagePullPolicy: settings.pullPolicy,
          command: gatedCommand(spec),
          workingDir: '/workspace',
          // Such a user has no name in the image.
          env: user === NOBODY ? [] : USER_VARIABLES.map((name) => ({ name, value: USER_NAME })),
          stdin: true,
          // When the server dies, the agent's stdin ends and the agent exits.
          stdinOnce: true,
          tty: false,
          resources: {
            limits: { memory: String(spec.memoryBytes), cpu: milliCpus(spec.cpus) },
            requests: {
              memory: String(spec.memoryBytes),
              cpu: milliCpus(Math.min(spec.cpus, settings.cpuRequest)),
            },
          },
          securityContext: {
            runAsUser: 0,
            runAsGroup: 0,
            privileged: false,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'], add: ['KILL', 'SETGID', 'SETUID'] },
          },
          volumeMounts: foldersOf(spec).map(mountOf),
        },
      ],
      volumes: foldersOf(spec).map(volumeOf),
    },
  }
}

/** A folder in memory. */
interface Folder {
  name: string
  mountPath: string
  bytes: number
}

function foldersOf({ workspaceBytes, tmpBytes, shmBytes }: LaunchSpec): readonly Folder[] {
  return [
    { name: 'workspace', mountPath: '/workspace', bytes: workspaceBytes },
    { name: 'tmp', mountPath: '/tmp', bytes: tmpBytes },
    { name: 'shm', mountPath: '/dev/shm', bytes: shmBytes },
  ]
}

function mountOf({ name, mountPath }: Folder): V1VolumeMount {
  return { name, mountPath }
}

function volumeOf({ name, bytes }: Folder): V1Volume {
  return { name, emptyDir: { medium: 'Memory', sizeLimit: String(bytes) } }
}

/**
 * Returns the user id of the programs. The limit of processes counts the processes of a user on its
 * kernel. On a kernel that pods share, nobody would be one user for all pods of the node, so a pod gets
 * an id of its own.
 */
function userOf({ user, name }: LaunchSpec, { hasOwnKernel }: RuntimeOptions): number {
  if (hasOwnKernel || user !== NOBODY) return user
  const digest = createHash('sha256').update(name).digest().readUInt32BE()
  return OWN_USERS.first + (digest % OWN_USERS.count)
}

/** Prefers other nodes. It does not exclude these, because they may be back, or be the only ones. */
function awayFrom(nodes: readonly string[]): V1NodeAffinity {
  // Kubernetes takes one value in each requirement, and all requirements of a term count.
  const matchFields = nodes.map((node) => ({
    key: 'metadata.name',
    operator: 'NotIn',
    values: [node],
  }))
  return {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: { matchFields } }],
  }
}

function seccompOf({ seccompProfile }: Settings) {
  if (seccompProfile === undefined) return { type: 'RuntimeDefault' }
  return { type: 'Localhost', localhostProfile: seccompProfile }
}

function milliCpus(cpus: number): string {
  return `${Math.max(1, Math.round(cpus * 1000))}m`
}
