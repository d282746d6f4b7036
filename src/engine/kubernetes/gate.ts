import type { LaunchSpec } from '../engine.js'

/** The byte that the engine sends when its streams are attached. The answer is a line feed. */
export const GO = Buffer.from('g')

/**
 * The time that a container waits for {@link GO}, in seconds. If the server dies between the creation
 * and the attachment, the container ends by itself after this time.
 */
export const GATE_SECONDS = 60
/** The exit code of a shell if the program is missing. */
export const PROGRAM_MISSING = 127

/** The variables that the kubelet sets in every container. A pod cannot prevent it. */
const CLUSTER_VARIABLES = [
  'KUBERNETES_PORT',
  'KUBERNETES_PORT_443_TCP',
  'KUBERNETES_PORT_443_TCP_ADDR',
  'KUBERNETES_PORT_443_TCP_PORT',
  'KUBERNETES_PORT_443_TCP_PROTO',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
  'KUBERNETES_SERVICE_PORT_HTTPS',
]

/**
 * Returns the command of a container: a shell that does what Kubernetes cannot, then the program.
 *
 * Kubernetes starts a container before anybody can attach. Therefore the shell waits for a byte, and
 * answers it, so that no output of the program is lost. It also sets the limits of open files, core
 * dumps and processes, for which a pod has no fields, removes the variables of the cluster, and closes
 * the file for the last message of a container to programs.
 *
 * If the engine must reap orphans, the shell stays PID 1: while it waits for the program, it reaps
 * every child, also the adopted ones. Otherwise the program replaces it. The pause container of a
 * shared process namespace is no substitute, because a node may have a pause image that does not reap.
 */
export function gatedCommand({ command, reaper, openFiles, pids }: LaunchSpec): string[] {
  const script = [
    // One byte alone is read: the engine sends no more before it has the answer.
    `[ -n "$(timeout ${GATE_SECONDS} head -c 1)" ] || exit 1`,
    // The kubelet mounts a file of the node's disk there, to which every user may write without a limit.
    'chmod 600 /dev/termination-log 2> /dev/null',
    `unset ${CLUSTER_VARIABLES.join(' ')}`,
    `command -v "$1" > /dev/null || exit ${PROGRAM_MISSING}`,
    'ulimit -c 0',
    `ulimit -n ${openFiles}`,
    // dash and ash name the limit of processes -p, bash names it -u.
    `ulimit -p ${pids} 2> /dev/null || ulimit -u ${pids}`,
    'echo',
    reaper === 'agent' ? 'exec "$@"' : '"$@"; exit "$?"',
  ].join('\n')
  return ['sh', '-c', script, 'sh', ...command].map(withoutExpansion)
}

/** Kubernetes expands `$(NAME)` in a command, and `$$` is a dollar sign. */
function withoutExpansion(argument: string): string {
  return argument.replaceAll('$', '$$$$')
}
