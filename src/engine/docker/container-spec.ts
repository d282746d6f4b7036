import path from 'node:path'
import type { LaunchSpec, SeccompProfile } from '../engine.js'
import { NOBODY } from '../user-ids.js'
import { labelsOf } from './labels.js'
import { pidLimitsOf } from './runtimes.js'
import { NARROW_PROFILE } from './seccomp-profile.js'

/**
 * The limits of the kernel for each user: signals in queues, and the bytes of message queues. They are
 * set only if no other container has the user.
 */
const USER_ULIMITS = [
  { Name: 'sigpending', Soft: 1024, Hard: 1024 },
  { Name: 'msgqueue', Soft: 819_200, Hard: 819_200 },
]
/**
 * The folder in which the agent tells programs the name of their user. Only root can write to it. It is
 * not `/var/run`, which is a link, because gVisor mounts nothing behind a link.
 */
const USER_SERVER = { '/run/nscd': 'rw,noexec,nosuid,nodev,mode=0755,size=4k' }

/** The paths that programs see empty: those of Docker, and others that tell about the host. */
const MaskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/proc/config.gz',
  '/proc/diskstats',
  '/proc/kallsyms',
  '/proc/key-users',
  '/proc/modules',
  '/proc/schedstat',
  '/sys/devices/virtual/dmi',
]
/** The paths that programs cannot write to, even as root. They are those of Docker. */
const ReadonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/**
 * Returns the body of Docker's `POST /containers/create` for a launch.
 *
 * The agent is root with only three capabilities, which suffice to start programs as nobody and to kill
 * them. The programs have no capability and cannot reach the agent. The engine would put the `volumes`
 * of the image on the disk of the host, without a limit. A small tmpfs masks each of them.
 */
export function createBody(spec: LaunchSpec, volumes: readonly string[]) {
  const pids = pidLimitsOf(spec)
  return {
    Image: spec.image,
    Entrypoint: [],
    Cmd: [...spec.command],
    User: '0:0',
    Hostname: 'sandbox',
    WorkingDir: '/workspace',
    Env: [],
    Labels: labelsOf(spec),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    // When the server dies, the agent's stdin ends and the agent exits. AutoRemove removes the container.
    StdinOnce: true,
    Tty: false,
    // An agent is PID 1 and ignores SIGTERM, so `docker stop` would wait its whole 10 s.
    StopSignal: 'SIGKILL',
    NetworkDisabled: spec.network === 'none',
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Runtime: spec.runtime,
      AutoRemove: true,
      Init: spec.reaper === 'engine',
      ReadonlyRootfs: true,
      Tmpfs: tmpfsOf(spec, volumes),
      ShmSize: spec.shmBytes,
      NetworkMode: spec.network,
      IpcMode: 'private',
      CgroupnsMode: 'private',
      MaskedPaths,
      ReadonlyPaths,
      CapDrop: ['ALL'],
      CapAdd: ['KILL', 'SETGID', 'SETUID'],
      Privileged: false,
      SecurityOpt: ['no-new-privileges', ...seccompOf(spec.seccomp)],
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      NanoCpus: Math.round(spec.cpus * 1e9),
      PidsLimit: pids.cgroup,
      Ulimits: [
        { Name: 'nofile', Soft: spec.openFiles, Hard: spec.openFiles },
        { Name: 'core', Soft: 0, Hard: 0 },
        ...(pids.user === undefined ? [] : [{ Name: 'nproc', Soft: pids.user, Hard: pids.user }]),
        ...(hasOwnUser(spec) ? USER_ULIMITS : []),
      ],
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

/** Whether no other container has the user of the programs. */
function hasOwnUser({ user }: LaunchSpec): boolean {
  return user !== NOBODY
}

function tmpfsOf(spec: LaunchSpec, volumes: readonly string[]): Record<string, string> {
  const small = `rw,noexec,nosuid,nodev,mode=1777,size=${spec.tmpBytes}`
  const owner = `uid=${spec.user},gid=${spec.user}`
  return {
    // The engine finds a volume by its clean path.
    ...Object.fromEntries(volumes.map((folder) => [path.posix.resolve('/', folder), small])),
    // The uid is set because a tmpfs that is also the working directory loses its mode.
    '/workspace': `rw,exec,nosuid,nodev,mode=1777,${owner},size=${spec.workspaceBytes}`,
    '/tmp': small,
    ...(hasOwnUser(spec) && USER_SERVER),
  }
}

function seccompOf(profile: SeccompProfile): string[] {
  if (profile === 'engine') return []
  return [`seccomp=${profile === 'narrow' ? NARROW_PROFILE : profile.json}`]
}
