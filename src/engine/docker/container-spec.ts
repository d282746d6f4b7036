import type { LaunchSpec, SeccompProfile } from '../engine.js'
import { labelsOf } from './labels.js'
import { pidLimitsOf } from './runtimes.js'
import { NARROW_PROFILE } from './seccomp-profile.js'

const NOBODY = 65534

/**
 * Returns the body of Docker's `POST /containers/create` for a launch.
 *
 * The agent is root with only three capabilities, which suffice to start programs as nobody and to kill
 * them. The programs have no capability and cannot reach the agent.
 */
export function createBody(spec: LaunchSpec) {
  const owner = `uid=${NOBODY},gid=${NOBODY}`
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
      Tmpfs: {
        // The uid is set because a tmpfs that is also the working directory loses its mode.
        '/workspace': `rw,exec,nosuid,nodev,mode=1777,${owner},size=${spec.workspaceBytes}`,
        '/tmp': `rw,noexec,nosuid,nodev,mode=1777,size=${spec.tmpBytes}`,
      },
      ShmSize: spec.shmBytes,
      NetworkMode: spec.network,
      IpcMode: 'private',
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
      ],
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

function seccompOf(profile: SeccompProfile): string[] {
  if (profile === 'engine') return []
  return [`seccomp=${profile === 'narrow' ? NARROW_PROFILE : profile.json}`]
}
