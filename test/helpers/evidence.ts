import type { Evidence, Inside } from '../../src/doctor/probes/evidence.js'
import type { Look } from '../../src/doctor/probes/look.js'
import type { ContainerFacts } from '../../src/engine/container-facts.js'
import { specOf } from './launch-spec.js'

const MIB = 1024 ** 2
const STATUS = `Name:\tpython3
Uid:\t65534\t65534\t65534\t65534
Gid:\t65534\t65534\t65534\t65534
Groups:\t65534 
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t00000000000000e0
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
`
const MOUNTS = `1 0 0:39 / / ro,relatime - overlay overlay rw
2 1 0:54 / /proc rw,nosuid - proc proc rw
3 1 0:59 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
4 1 0:61 / /sys ro,nosuid - sysfs sysfs ro
5 1 0:65 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw
6 1 0:66 / /workspace rw,nosuid,nodev - tmpfs tmpfs rw
7 3 0:64 / /dev/shm rw,nosuid,nodev - tmpfs shm rw
8 2 0:54 /sys /proc/sys ro,nosuid - proc proc rw
9 2 0:59 /null /proc/keys rw,nosuid - tmpfs tmpfs rw
10 1 254:0 /var/lib/docker/containers/1/hosts /etc/hosts ro - ext4 /dev/vda rw
`
const DEVICES = `Inter-|   Receive  |  Transmit
 face |bytes    packets|bytes    packets
    lo:       0       0       0       0
 tunl0:       0       0       0       0
`
const ROUTES = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n'

/** The changes of a test. The fields of `look` and `outside` replace single facts. */
export interface Changes {
  asked?: Partial<Evidence['asked']>
  inside?: Partial<Omit<Inside, 'look'>>
  look?: Partial<Look>
  outside?: Partial<ContainerFacts>
  server?: Partial<Evidence['server']>
}

/** Returns the facts about a container without any weakness, with the changes of the test. */
export function evidenceOf({ asked, inside, look, outside, server }: Changes = {}): Evidence {
  return {
    asked: {
      limits: specOf(),
      runtime: 'shared',
      hasOwnKernel: false,
      howToGetKernel: 'Install one',
      variables: [],
      userIds: undefined,
      ...asked,
    },
    inside: {
      look: { ...LOOK, ...look },
      fills: {
        '/workspace': { how: 'refused', count: 64 * MIB },
        '/tmp': { how: 'refused', count: 32 * MIB },
        '/dev/shm': { how: 'refused', count: 16 * MIB },
      },
      memory: { how: 'killed', hasContainerEnded: false },
      pids: { how: 'refused', count: 120 },
      busyCpus: 0.9,
      ...inside,
    },
    outside: { ...OUTSIDE, ...outside },
    server: { variables: {}, kernel: '6.1.0', now: new Date('2026-11-01'), ...server },
  }
}

/** The changes for a container under a runtime with a kernel of its own. */
export const UNDER_OWN_KERNEL = {
  asked: { runtime: 'own', hasOwnKernel: true },
  look: {
    version: 'Linux version 4.4.0 #1 own',
    status: STATUS.replace(/Seccomp:\t2/, 'Seccomp:\t0'),
  },
  runtime: { name: 'own', version: 'release-20260901.0', kernel: /own$/ },
} as const

/** Returns a text in which one field of `/proc/self/status` is changed. */
export function statusWith(name: string, value: string): string {
  return STATUS.replace(new RegExp(`^${name}:.*$`, 'm'), `${name}:\t${value}`)
}

/** Returns the mounts with a changed or a further line. */
export function mountsWith(line: string): string {
  return `${MOUNTS}${line}\n`
}

export function routesWith(line: string): string {
  return `${ROUTES}${line}\n`
}

const LOOK: Look = {
  status: STATUS,
  agentStatus: STATUS.replace(/CapEff:.*/, 'CapEff:\t00000000000000e0'),
  mounts: MOUNTS,
  devices: DEVICES,
  routes: ROUTES,
  routes6: `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} ffffffff 00000001 00000000 00200200       lo\n`,
  version: 'Linux version 6.1.0 (builder)',
  variables: { PATH: '/bin' },
  writable: ['/tmp', '/workspace', '/dev/shm', '/proc/keys'],
  sizes: { '/': 1e12, '/tmp': 32 * MIB, '/workspace': 64 * MIB, '/dev/shm': 16 * MIB },
  unmasked: [],
  setuid: [],
  capable: [],
  sockets: [],
  walked: true,
  openFiles: { count: 1020, refused: true },
  userNamespace: false,
}

const OUTSIDE: ContainerFacts = {
  runtime: { name: 'shared' },
  capabilities: ['KILL', 'SETGID', 'SETUID'],
  isPrivileged: false,
  hasNoNewPrivileges: true,
  hasSeccomp: true,
  isRootReadOnly: true,
  mounts: [],
  devices: [],
  sharedNamespaces: [],
  maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware'],
  readOnlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  variables: [],
  keepsLogs: false,
  memoryBytes: 256 * MIB,
  swapBytes: 0,
  pids: 128,
  cpus: 1,
  cpuMs: 100,
  openFiles: 1024,
  network: 'none',
}
