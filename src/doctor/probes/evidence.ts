import type { ContainerFacts } from '../../engine/container-facts.js'
import type { ContainerLimits } from '../../engine/engine.js'
import type { UserIdRange } from '../../engine/user-ids.js'
import type { Look } from './look.js'

/**
 * The end of a trial that exceeds a limit on purpose. `refused` and `killed` are ends by a limit. `count`
 * is the number of bytes, processes or files up to there.
 */
export type Trial =
  | { how: 'refused'; count: number }
  | { how: 'killed'; hasContainerEnded: boolean }
  | { how: 'unlimited'; count: number }
  | { how: 'failed' }
  /** The limit is too large to exceed it in a short time. */
  | { how: 'untried' }

/** Whether packets arrive at another container. `unknown`: nothing was sent, or there is no route. */
export type Traffic = 'passes' | 'denied' | 'unknown'

/** The measurements from the inside, by programs with the rights of hostile code. */
export interface Inside {
  look: Look
  /** `undefined` if nobody asked to send packets. */
  traffic?: Traffic | undefined
  /** The trials to fill each writable folder, by path. */
  fills: Readonly<Record<string, Trial>>
  memory: Trial
  pids: Trial
  /** The number of CPUs that busy programs got; `undefined` if it could not be measured. */
  busyCpus: number | undefined
}

/** The container that the pool asked for. */
export interface Asked {
  limits: ContainerLimits
  runtime: string
  /** Whether the engine says that the runtime has a kernel of its own. */
  hasOwnKernel: boolean
  /** The instruction to get a runtime with a kernel of its own. */
  howToGetKernel: string
  /** The instruction to deny the traffic, if only a policy outside can. */
  howToDenyTraffic?: string | undefined
  /** The names of the variables that the pool gives to programs. */
  variables: readonly string[]
  /** The range of the user's id; `undefined` if it is `nobody`. */
  userIds: UserIdRange | undefined
}

/** The facts about the server, to compare them with those of the container. */
interface ServerFacts {
  /** The environment variables of this process. */
  variables: Readonly<Record<string, string | undefined>>
  /** The release of the kernel of this machine. */
  kernel: string
  now: Date
}

/** All facts that the probes judge. */
export interface Evidence {
  asked: Asked
  inside: Inside
  /** `undefined` if the engine cannot tell. */
  outside: ContainerFacts | undefined
  server: ServerFacts
}

/**
 * The grade of a line. `note`: no defence is missing, but there is a remark. `unproven`: only
 * something outside gives the defence, and a container cannot show it. `weak`: a defence is missing or
 * could not be measured, and others remain. `broken`: a program can use more than it was given.
 */
export type Grade = 'ok' | 'note' | 'unproven' | 'weak' | 'broken'

/** One reason why a line is not `ok`. */
export interface Problem {
  grade: Exclude<Grade, 'ok'>
  found: string
  /** One sentence in the imperative. */
  advice: string
}

/** One line of the doctor. */
export interface Probe {
  name: string
  /** Returns the text of the line if there is no problem. */
  found: (evidence: Evidence) => string
  problems: (evidence: Evidence) => readonly Problem[]
}

/** Returns a list with the problem if the condition holds, otherwise an empty list. */
export function when(
  condition: boolean,
  grade: Problem['grade'],
  found: string,
  advice: string,
): readonly Problem[] {
  return condition ? [{ grade, found, advice }] : []
}

/** Returns the problem of a fact that only the engine knows, if the engine does not tell. */
export function untold(fact: unknown): readonly Problem[] {
  return when(
    fact === undefined,
    'weak',
    'not measured: the engine does not tell',
    'Use an engine that implements inspect()',
  )
}

export const REMOVE_CHANGE =
  'Remove what changes the containers between the pool and the engine: a proxy, a policy, or the defaults of the engine'
