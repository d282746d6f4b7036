import * as v from 'valibot'

const Text = v.optional(v.nullable(v.string()))
const Reason = v.optional(v.nullable(v.object({ reason: Text, message: Text })))

/** The part of a pod that is used, as the API and its watch send it. */
const Pod = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.optional(v.object({ nodeName: Text }), {}),
  status: v.optional(
    v.object({
      phase: Text,
      reason: Text,
      message: Text,
      conditions: v.optional(
        v.nullable(
          v.array(v.object({ type: v.string(), status: v.string(), reason: Text, message: Text })),
        ),
      ),
      containerStatuses: v.optional(
        v.nullable(
          v.array(
            v.object({
              state: v.optional(
                v.object({
                  waiting: Reason,
                  running: v.optional(v.nullable(v.unknown())),
                  terminated: v.optional(
                    v.nullable(v.object({ exitCode: v.number(), reason: Text, message: Text })),
                  ),
                }),
              ),
            }),
          ),
        ),
      ),
    }),
    {},
  ),
})

/** A reason in the words of Kubernetes, such as `ErrImagePull`, and its message. */
interface PodReason {
  reason: string
  message: string
}

/** The state of a pod and of its container. */
export interface PodFacts {
  name: string
  /** The node of the pod; '' before the scheduler has chosen one. */
  node: string
  isRunning: boolean
  /** The reason for which the container does not run yet. */
  waiting: PodReason | undefined
  /** The reason for which no node takes the pod. */
  unschedulable: PodReason | undefined
  /** The end of the container. */
  terminated: (PodReason & { exitCode: number }) | undefined
  /** The reason for which Kubernetes ended the pod, such as `Evicted` or `DeadlineExceeded`. */
  failed: PodReason | undefined
}

/** Reads a pod of the API or of its watch. @throws ValiError if it is no pod. */
export function podFactsOf(pod: unknown): PodFacts {
  const { metadata, spec, status } = v.parse(Pod, pod)
  const state = status.containerStatuses?.[0]?.state
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled')
  const terminated = state?.terminated
  return {
    name: metadata.name,
    node: spec.nodeName ?? '',
    isRunning: Boolean(state?.running),
    waiting: state?.waiting ? reasonOf(state.waiting) : undefined,
    unschedulable:
      scheduled?.status === 'False' && scheduled.reason === 'Unschedulable'
        ? reasonOf(scheduled)
        : undefined,
    terminated: terminated ? { ...reasonOf(terminated), exitCode: terminated.exitCode } : undefined,
    failed: status.phase === 'Failed' ? reasonOf(status) : undefined,
  }
}

function reasonOf({ reason, message }: v.InferOutput<typeof Reason> & object): PodReason {
  return { reason: reason ?? '', message: message ?? '' }
}
