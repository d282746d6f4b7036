import { describe, expect, it } from 'vitest'
import { podOf } from '../../../../src/engine/kubernetes/pod-spec.js'
import type { KubernetesEngineOptions } from '../../../../src/engine/kubernetes/settings.js'
import { settingsOf } from '../../../../src/engine/kubernetes/settings.js'
import type { LaunchSpec } from '../../../../src/engine/engine.js'
import { specOf } from '../../../helpers/launch-spec.js'

const MIB = 1024 * 1024
const SHARED = { hasOwnKernel: false }
const GVISOR = { runtimeClass: 'gvisor', hasOwnKernel: true }

function pod(
  changes: Partial<LaunchSpec> = {},
  options: KubernetesEngineOptions = {},
  runtime: { runtimeClass?: string; hasOwnKernel: boolean } = SHARED,
) {
  const settings = settingsOf({ namespace: 'boxes', ...options }, undefined)
  return podOf(specOf(changes), runtime, { engine: 'e1', settings })
}

describe('podOf', () => {
  it('isolates the container', () => {
    const { spec, metadata } = pod()
    expect(metadata).toMatchObject({
      namespace: 'boxes',
      labels: {
        'hono-sandbox.owner': 'ours',
        'hono-sandbox.pool': 'python',
        'hono-sandbox.engine': 'e1',
        'hono-sandbox.network': 'none',
      },
    })
    expect(metadata).not.toHaveProperty('ownerReferences')
    expect(spec).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      activeDeadlineSeconds: 86_400,
      hostname: 'sandbox',
      dnsPolicy: 'None',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(spec?.containers).toHaveLength(1)
    expect(spec?.containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      stdin: true,
      stdinOnce: true,
      tty: false,
      securityContext: {
        runAsUser: 0,
        privileged: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'], add: ['KILL', 'SETGID', 'SETUID'] },
      },
    })
    for (const shared of ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace']) {
      expect(spec).not.toHaveProperty(shared)
    }
  })

  it('has folders in memory with the sizes of the launch', () => {
    const { spec } = pod({ workspaceBytes: 3 * MIB, tmpBytes: 2 * MIB, shmBytes: MIB })
    expect(spec?.volumes).toEqual([
      { name: 'workspace', emptyDir: { medium: 'Memory', sizeLimit: String(3 * MIB) } },
      { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: String(2 * MIB) } },
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: String(MIB) } },
    ])
    expect(spec?.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath)).toEqual([
      '/workspace',
      '/tmp',
      '/dev/shm',
    ])
  })

  it('requests all of its memory, and the CPUs of the option', () => {
    const resources = (changes: Partial<LaunchSpec>, options?: KubernetesEngineOptions) =>
      pod({ memoryBytes: 64 * MIB, ...changes }, options).spec?.containers[0]?.resources
    const memory = String(64 * MIB)
    expect(resources({ cpus: 1 })).toEqual({
      limits: { memory, cpu: '1000m' },
      requests: { memory, cpu: '100m' },
    })
    expect(resources({ cpus: 1 }, { cpuRequest: 0.5 })?.requests?.cpu).toBe('500m')
    // Kubernetes refuses a request above the limit.
    expect(resources({ cpus: 0.05 })?.requests?.cpu).toBe('50m')
  })

  it('has a user of its own on a kernel that pods share', () => {
    const userOf = ({ spec }: ReturnType<typeof pod>) => spec?.securityContext?.fsGroup ?? 0
    const first = userOf(pod({ name: 'sandbox_python_1.1_ours' }))
    expect(first).toBeGreaterThanOrEqual(1_000_000_000)
    expect(userOf(pod({ name: 'sandbox_python_1.2_ours' }))).not.toBe(first)
    expect(userOf(pod({ user: 210_000 }))).toBe(210_000)
    const gvisor = pod({}, {}, GVISOR)
    expect(userOf(gvisor)).toBe(65_534)
    expect(gvisor.spec?.containers[0]?.env).toEqual([])
    expect(gvisor.spec?.runtimeClassName).toBe('gvisor')
  })

  it('has the options of the engine', () => {
    const { spec, metadata } = pod(
      { network: 'internet' },
      {
        nodeSelector: { pool: 'sandboxes' },
        tolerations: [{ key: 'sandboxes', operator: 'Exists' }],
        priorityClass: 'low',
        pullSecrets: ['registry'],
        pullPolicy: 'Never',
        seccompProfile: 'profiles/narrow.json',
        owner: { name: 'app-1', uid: 'u-1' },
        lifetimeMs: 60_500,
      },
    )
    expect(metadata?.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Pod', name: 'app-1', uid: 'u-1' },
    ])
    expect(metadata?.labels?.['hono-sandbox.network']).toBe('internet')
    expect(spec).toMatchObject({
      nodeSelector: { pool: 'sandboxes' },
      tolerations: [{ key: 'sandboxes', operator: 'Exists' }],
      priorityClassName: 'low',
      imagePullSecrets: [{ name: 'registry' }],
      activeDeadlineSeconds: 61,
      securityContext: {
        seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/narrow.json' },
      },
    })
    expect(spec).not.toHaveProperty('dnsPolicy')
    expect(spec?.containers[0]?.imagePullPolicy).toBe('Never')
  })

  it('prefers other nodes than those that are lost', () => {
    const settings = settingsOf({}, undefined)
    const avoid = ['n1', 'n2']
    const { spec } = podOf(specOf(), SHARED, { engine: 'e1', settings, avoid })
    const matchFields = avoid.map((node) => ({
      key: 'metadata.name',
      operator: 'NotIn',
      values: [node],
    }))
    expect(spec?.affinity).toEqual({
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchFields } },
        ],
      },
    })
    expect(pod().spec).not.toHaveProperty('affinity')
  })

  it('protects the dollar signs of the command from the expansion of Kubernetes', () => {
    const command = pod({ command: ['sh', '-c', 'echo $(PATH) $$'] }).spec?.containers[0]?.command
    expect(command?.at(-1)).toBe('echo $$(PATH) $$$$')
  })

  it('keeps the shell as PID 1 if the engine reaps orphans', () => {
    const scriptOf = (reaper: LaunchSpec['reaper']) =>
      pod({ reaper }).spec?.containers[0]?.command?.[2] ?? ''
    expect(scriptOf('agent')).toMatch(/\nexec "\$\$@"$/)
    expect(scriptOf('engine')).toMatch(/\n"\$\$@"; exit "\$\$\?"$/)
  })

  it('gives different pods to names that differ only in case and underscores', () => {
    const names = ['box_a-1', 'box-a_1', 'Box_a-1'].map((name) => pod({ name }).metadata?.name)
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  })
})

describe('settingsOf', () => {
  it('takes the pod of the app as owner only in its own namespace', () => {
    const variables = { POD_NAME: 'app-1', POD_UID: 'u-1', POD_NAMESPACE: 'boxes' }
    Object.assign(process.env, variables)
    try {
      expect(settingsOf({ namespace: 'boxes' }, undefined).owner).toEqual({
        name: 'app-1',
        uid: 'u-1',
      })
      expect(settingsOf({ namespace: 'others' }, undefined).owner).toBeUndefined()
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name]
    }
  })

  it('refuses an option by its name', () => {
    expect(() => settingsOf({ cpuRequest: 0 }, undefined)).toThrow(
      'createKubernetesEngine: cpuRequest is not valid, expected 0.001 or more',
    )
  })
})
