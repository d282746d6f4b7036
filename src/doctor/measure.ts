import * as v from 'valibot'
import type { Sandbox } from '../sandbox/sandbox.js'
import { SandboxError } from '../errors.js'
import type { Asked, Inside, Traffic, Trial } from './probes/evidence.js'
import { writableFolders } from './probes/files.js'
import { REVEALING } from './probes/kernel.js'
import { Counted, Looked } from './probes/look.js'
import { hasInterface } from './probes/network.js'
import type { ProbeSources } from './sources.js'
import { answerOf, runStep, STEP_MS } from './step.js'

const MIB = 1024 ** 2
/** Larger limits take too long to exceed. */
const MOST_MEMORY = 1024 * MIB
const MOST_PIDS = 1024
const MOST_OPEN_FILES = 65_536
/** How far a trial goes beyond a limit. */
const BEYOND = 64 * MIB
const BEYOND_PIDS = 32
const BUSY_S = 0.6

/** The functions that a measurement calls outside the sandbox. */
export interface Outsiders {
  usedCpuMs: () => Promise<number | undefined>
  /** It is missing if nobody asked to send packets. */
  sendToPeer: (() => Promise<Traffic>) | undefined
}

/**
 * Measures a sandbox with programs inside, which have the rights of hostile code. It exceeds each limit
 * on purpose. The sandbox must not be used for anything else, and may have ended after the call.
 * `usedCpuMs` is asked from outside, because gVisor's own clock of a process is not exact. `sendToPeer`
 * sends to another container; it is called if the sandbox has an interface.
 *
 * @throws SandboxError `SANDBOX_AGENT_FAILED` if the programs cannot run or their answer is not valid.
 */
export async function measure(
  sandbox: Sandbox,
  agent: keyof ProbeSources,
  asked: Asked,
  { usedCpuMs, sendToPeer }: Outsiders,
): Promise<Inside> {
  const run = (step: string, ...input: readonly unknown[]) =>
    runStep(sandbox, agent, step, ...input)
  const attempt = async (step: string, ...input: readonly unknown[]): Promise<Trial> => {
    const ended = await run(step, ...input).catch(() => undefined)
    if (sandbox.signal.aborted) return { how: 'killed', hasContainerEnded: true }
    if (ended?.killedBy === 'oom') return { how: 'killed', hasContainerEnded: false }
    const answer = v.safeParse(Counted, answerOf(ended))
    if (!answer.success) return { how: 'failed' }
    const { count, refused } = answer.output
    return { how: refused ? 'refused' : 'unlimited', count }
  }
  const { memoryBytes, pids, openFiles, cpus } = asked.limits
  const looked = await run('look', Math.min(openFiles, MOST_OPEN_FILES), REVEALING)
  const look = v.safeParse(Looked, answerOf(looked))
  if (!look.success) {
    const reason = looked.killedBy ?? looked.stderr.trim().split('\n').at(-1)
    throw new SandboxError(
      'SANDBOX_AGENT_FAILED',
      `the program of the doctor gave no valid answer in the sandbox: ${reason}`,
      { suggestion: 'Use an image with an unmodified python3 or node' },
    )
  }
  const traffic = hasInterface(look.output) ? await sendToPeer?.() : undefined
  const fills: Record<string, Trial> = {}
  for (const [path, bytes] of writableFolders(asked)) {
    const isSmall = bytes <= memoryBytes / 2 && bytes <= MOST_MEMORY
    fills[path] = isSmall ? await attempt('fill', path, bytes + MIB) : { how: 'untried' }
  }
  const busyCpus = await measureCpus(sandbox, cpus, usedCpuMs)
  const untried: Trial = { how: 'untried' }
  const ofPids = pids > MOST_PIDS ? untried : await attempt('pids', pids + BEYOND_PIDS)
  // This measurement is the last one, because the container may end when its memory is full.
  const ofMemory = sandbox.signal.aborted || memoryBytes > MOST_MEMORY
  const memory = ofMemory ? untried : await attempt('memory', memoryBytes + BEYOND)
  return { look: look.output, traffic, fills, memory, pids: ofPids, busyCpus }
}

/** Returns the number of CPUs that busy loops get. There are more loops than the limit allows. */
async function measureCpus(
  sandbox: Sandbox,
  cpus: number,
  usedCpuMs: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const script = `
    i=0; all=
    while [ $i -lt ${Math.min(Math.ceil(cpus) + 1, 64)} ]; do
      (while :; do :; done) & all="$all $!"; i=$((i + 1))
    done
    sleep ${BUSY_S}; kill -9 $all; wait`
  const before = await usedCpuMs()
  const startedAt = performance.now()
  await sandbox.exec(script, { timeoutMs: STEP_MS }).catch(() => {})
  const elapsedMs = performance.now() - startedAt
  const after = await usedCpuMs()
  return before === undefined || after === undefined ? undefined : (after - before) / elapsedMs
}
