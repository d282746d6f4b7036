import type { Probe, Problem, Trial } from './evidence.js'
import { REMOVE_CHANGE, untold, when } from './evidence.js'

const MIB = 1024 ** 2
/** The tolerance of the measured CPUs: a quota is for periods, and a measurement ends within one. */
const CPU_FACTOR = 1.25
const CPU_ADDEND = 0.3

/** Returns the problem of a limit that the engine did not apply as it was asked. */
function looser(given: number | undefined, asked: number, text: (value: number) => string) {
  const found = given === Number.POSITIVE_INFINITY ? 'no limit' : text(given ?? 0)
  return when(
    given !== undefined && given > asked,
    'broken',
    `the engine applies ${found}, not ${text(asked)}`,
    REMOVE_CHANGE,
  )
}

/** Returns the problems of a trial that was not stopped by a limit inside the container. */
function trialProblems(
  trial: Trial,
  exceeded: string,
  ended: readonly Problem[],
): readonly Problem[] {
  if (trial.how === 'killed') return trial.hasContainerEnded ? ended : []
  return [
    ...when(trial.how === 'unlimited', 'broken', exceeded, REMOVE_CHANGE),
    ...when(
      trial.how === 'failed',
      'weak',
      'not measured: the trial failed',
      'Run the doctor again',
    ),
  ]
}

const memory: Probe = {
  name: 'memory',
  found: ({ asked, inside }) => `${mib(asked.limits.memoryBytes)}, ${endText(inside.memory)}`,
  problems: ({ asked, inside, outside }) => [
    ...(inside.memory.how === 'untried' ? untold(outside) : []),
    ...looser(outside?.memoryBytes, asked.limits.memoryBytes, mib),
    ...trialProblems(
      inside.memory,
      `a program used more than ${mib(asked.limits.memoryBytes)}`,
      when(
        true,
        // A kernel of its own lives in the limit of the engine, which ends it with all programs.
        asked.hasOwnKernel ? 'note' : 'weak',
        'the container ends with a program that exceeds the limit',
        asked.hasOwnKernel
          ? 'Expect killedBy: oom and the end of the lease'
          : 'Raise memory, or preload less, so that the program is the largest process',
      ),
    ),
  ],
}

const swap: Probe = {
  name: 'swap',
  found: () => 'none',
  problems: (evidence) => {
    const bytes = evidence.outside?.swapBytes ?? 0
    return [
      ...untold(evidence.outside),
      ...when(
        bytes > 0,
        'weak',
        Number.isFinite(bytes) ? `${mib(bytes)} of swap` : 'swap without a limit',
        'Use an engine whose kernel can limit swap, and remove what changes MemorySwap',
      ),
    ]
  },
}

const pids: Probe = {
  name: 'pids',
  found: ({ asked, inside }) => `${asked.limits.pids}, ${endText(inside.pids)}`,
  problems: ({ asked, inside, outside }) => {
    const started = 'count' in inside.pids ? inside.pids.count : 0
    return [
      ...(inside.pids.how === 'untried' ? untold(outside?.pids) : []),
      ...when(
        outside !== undefined && outside.pids === undefined,
        'note',
        'the limit of the container itself is not known',
        'Check it on the nodes: podPidsLimit of the kubelet',
      ),
      // The inner limit is that of the user, if no other container has it.
      ...(asked.hasOwnKernel || asked.userIds
        ? when(
            outside?.pids === Number.POSITIVE_INFINITY,
            'broken',
            'the engine applies no limit to the container itself',
            REMOVE_CHANGE,
          )
        : looser(outside?.pids, asked.limits.pids, String)),
      ...trialProblems(
        inside.pids,
        `${started} processes started, the limit is ${asked.limits.pids}`,
        when(
          true,
          'weak',
          'the limit of the engine ended the container, before the inner limit stopped the program',
          'Remove what changes the limit nproc, or raise that of the engine: podPidsLimit of a kubelet',
        ),
      ),
      ...when(
        inside.pids.how === 'refused' && started > asked.limits.pids,
        'broken',
        `${started} processes started, the limit is ${asked.limits.pids}`,
        REMOVE_CHANGE,
      ),
    ]
  },
}

const cpu: Probe = {
  name: 'cpu',
  found: ({ asked, inside: { busyCpus } }) =>
    `${asked.limits.cpus}${busyCpus === undefined ? '' : `, busy programs got ${busyCpus.toFixed(2)}`}`,
  problems: (evidence) => {
    const { asked, inside, outside } = evidence
    const { cpus } = asked.limits
    const busy = inside.busyCpus ?? 0
    return [
      ...untold(evidence.outside),
      ...looser(outside?.cpus, cpus, (value) => `${value} CPUs`),
      ...when(
        busy > cpus * CPU_FACTOR + CPU_ADDEND,
        'broken',
        `busy programs got ${busy.toFixed(2)} CPUs, the limit is ${cpus}`,
        REMOVE_CHANGE,
      ),
    ]
  },
}

const openFiles: Probe = {
  name: 'open-files',
  found: ({ asked }) => `${asked.limits.openFiles} for a process, then EMFILE`,
  problems: ({ asked, inside, outside }) => {
    const { count, refused } = inside.look.openFiles
    return [
      ...when(
        !refused || count > asked.limits.openFiles,
        'broken',
        `a process opened ${count} files, the limit is ${asked.limits.openFiles}`,
        REMOVE_CHANGE,
      ),
      ...looser(outside?.openFiles, asked.limits.openFiles, (value) => `${value} open files`),
    ]
  },
}

function endText(trial: Trial): string {
  if (trial.how === 'untried') return 'too large to try'
  return trial.how === 'killed' ? 'then the program is killed' : 'then the kernel refuses'
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

/** The limits of resources. Each is exceeded on purpose, if it is small enough. */
export const LIMITS: readonly Probe[] = [memory, swap, pids, cpu, openFiles]
