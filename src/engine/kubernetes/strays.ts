import type { V1Pod } from '@kubernetes/client-node'
import type { SweepOptions } from '../engine.js'
import { GATE_SECONDS } from './gate.js'
import { labelValue, NAME_ANNOTATION, OWNER_LABEL } from './labels.js'
import { MAX_LAUNCH_MS } from './settings.js'

/**
 * The age at which an ended pod of another owner is a stray. An owner that lives removes its ended pods
 * within seconds.
 */
const ENDED_MS = 60_000
/** The age at which a pending pod of another owner is a stray, because its launch is over. */
const PENDING_MS = MAX_LAUNCH_MS + GATE_SECONDS * 1000

/**
 * Returns the pods that will never run. `now` is the clock of the API server. A pod that runs is
 * not a stray: if its server is gone, the pod ends by itself, because its stdin has ended or its
 * gate times out. `isAbandoned` is true for a pod of this engine that no launch and no container
 * has.
 */
export function straysOf(
  listed: readonly V1Pod[],
  now: number,
  { owner, isLaunching, isAbandoned }: SweepOptions & { isAbandoned: (pod: V1Pod) => boolean },
): readonly V1Pod[] {
  return listed.filter((pod) => {
    const { metadata, status } = pod
    const isOurs = metadata?.labels?.[OWNER_LABEL] === labelValue(owner)
    if (isOurs && isLaunching(metadata?.annotations?.[NAME_ANNOTATION] ?? '')) return false
    if (isAbandoned(pod)) return true
    const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    if (!hasEnded && status?.phase !== 'Pending') return false
    if (isOurs) return true
    return timeOf(pod) < now - (hasEnded ? ENDED_MS : PENDING_MS)
  })
}

/** Returns the time of the end of a pod, or of its creation if its container has not ended. */
function timeOf({ metadata, status }: V1Pod): number {
  const ended = status?.containerStatuses?.[0]?.state?.terminated?.finishedAt
  return (ended ?? metadata?.creationTimestamp)?.getTime() ?? Infinity
}
