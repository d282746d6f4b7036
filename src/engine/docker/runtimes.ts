import type { EngineAdvice, LaunchSpec, Runtime } from '../engine.js'
import { GVISOR, isGvisor } from '../gvisor.js'
import { NOBODY } from '../user-ids.js'

const PLAIN = 'runc'
const PREFERRED = [GVISOR, PLAIN]

/**
 * gVisor's own threads count against the engine's limit. These numbers were measured: 13 tasks of
 * the host for a Python process, 45 for a Node process with 11 threads, 50 to 70 for an idle
 * sandbox. The whole sandbox dies if it reaches the limit. Therefore the limit is generous, and
 * gVisor's own kernel bounds the programs.
 */
const GVISOR_TASKS = 16
const GVISOR_OWN_TASKS = 128
/**
 * The room for the agent beside programs with a limit of their own. Measured: 3 tasks in Python, 13 in
 * Node with the init process.
 */
const AGENT_TASKS = 32

export const ADVICE: EngineAdvice = {
  strongerRuntime: `gVisor (${GVISOR})`,
  howToGetRuntime: 'Install gVisor',
}

/**
 * Sorts Docker's runtimes by preference: gVisor, runc, then all others in Docker's order. Docker does
 * not tell whether a runtime has its own kernel, so only gVisor counts as one. The operator must name
 * any other, such as Kata.
 */
export function runtimesOf(listed: readonly string[]): readonly Runtime[] {
  // Full names such as io.containerd.runc.v2 are aliases of the short ones.
  const short = listed.filter((name) => !name.includes('.'))
  const preferred = PREFERRED.filter((name) => short.includes(name))
  const others = short.filter((name) => !PREFERRED.includes(name))
  return [...preferred, ...others].map((name) => ({ name, hasOwnKernel: isGvisor(name) }))
}

/** The limits of processes and threads for Docker. */
interface PidLimits {
  /** The limit of the container's cgroup, which the kernel of the host enforces. */
  cgroup: number
  /**
   * The limit of the user of the programs. It is set only if no other container has the user: under a
   * kernel of its own, or with a user id of its own.
   */
  user: number | undefined
}

/** Returns the limits that bound the programs of a container to `pids` processes and threads. */
export function pidLimitsOf({
  runtime,
  pids,
  user,
}: Pick<LaunchSpec, 'runtime' | 'pids' | 'user'>): PidLimits {
  if (isGvisor(runtime)) return { cgroup: pids * GVISOR_TASKS + GVISOR_OWN_TASKS, user: pids }
  return user === NOBODY
    ? { cgroup: pids, user: undefined }
    : { cgroup: pids + AGENT_TASKS, user: pids }
}
