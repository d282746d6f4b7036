import type { EngineAdvice, LaunchSpec, Runtime } from '../engine.js'

const GVISOR = 'runsc'
const PLAIN = 'runc'
const PREFERRED = [GVISOR, PLAIN]

/**
 * gVisor's own threads count against the engine's limit: measured 13 tasks of the host for a process
 * of Python, 45 for one of Node with 11 threads, 50 to 70 for an idle sandbox. If the limit is met the
 * whole sandbox dies, so it has room, and gVisor's own kernel bounds the programs.
 */
const GVISOR_TASKS = 16
const GVISOR_OWN_TASKS = 128

export const ADVICE: EngineAdvice = {
  strongerRuntime: `gVisor (${GVISOR})`,
  howToGetRuntime: 'Install gVisor',
}

/** Docker's runtimes in order of preference: gVisor, runc, then all others as Docker lists them. */
export function runtimesOf(listed: readonly string[]): readonly Runtime[] {
  // Full names such as io.containerd.runc.v2 are aliases of the short ones.
  const short = listed.filter((name) => !name.includes('.'))
  const preferred = PREFERRED.filter((name) => short.includes(name))
  const others = short.filter((name) => !PREFERRED.includes(name))
  return [...preferred, ...others].map((name) => ({ name, hasOwnKernel: isGvisor(name) }))
}

/** The limits of Docker that bound processes and threads. */
interface PidLimits {
  /** What the kernel of the host counts in the container's cgroup. */
  cgroup: number
  /**
   * What the runtime's own kernel counts of one user. It is set only if there is such a kernel: the
   * kernel of the host counts this limit over all containers together.
   */
  user: number | undefined
}

/** What bounds the programs of a container to `pids` processes and threads. */
export function pidLimitsOf({ runtime, pids }: Pick<LaunchSpec, 'runtime' | 'pids'>): PidLimits {
  if (!isGvisor(runtime)) return { cgroup: pids, user: undefined }
  return { cgroup: pids * GVISOR_TASKS + GVISOR_OWN_TASKS, user: pids }
}

/** gVisor may be registered under several names, as `runsc-kvm`. */
function isGvisor(runtime: string): boolean {
  return runtime.startsWith(GVISOR)
}
