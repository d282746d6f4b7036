import { SandboxError } from '../../errors.js'
import type { LaunchSpec } from '../engine.js'
import type { PodFacts } from './pod-facts.js'
import type { Sight } from './pod-watch.js'

/** The reasons of the kubelet for an image that a node cannot get. */
const PULL_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
])
/** The reasons of the kubelet for a container that it cannot create. */
const CREATE_REASONS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
])
/** The time after which a node may have room for a pod. */
const ROOM_RETRY_MS = 5000

/** Returns the error for a pod that will not run; `undefined` if it still may. */
export function failureOf(spec: LaunchSpec, facts: PodFacts): SandboxError | undefined {
  const { waiting, terminated, failed } = facts
  if (waiting && PULL_REASONS.has(waiting.reason)) {
    return new SandboxError(
      'SANDBOX_IMAGE_MISSING',
      `the node cannot pull ${spec.image}: ${waiting.reason}: ${waiting.message}`,
      { suggestion: 'Push the image to a registry that the nodes can pull from' },
    )
  }
  if (waiting && CREATE_REASONS.has(waiting.reason)) {
    return refused(spec, `${waiting.reason}: ${waiting.message}`)
  }
  if (terminated) return notStarted(spec, `${terminated.reason}: ${terminated.message}`)
  return failed && refused(spec, `${failed.reason}: ${failed.message}`)
}

/** Returns the error for an image that lacks the program of the agent. */
export function notStarted(spec: LaunchSpec, reason: string): SandboxError {
  const missing = `${spec.image} has no ${spec.command[0]}, sh, timeout or head`
  return new SandboxError(
    'SANDBOX_AGENT_FAILED',
    `the agent in ${spec.name} did not start: ${reason.trim() || missing}`,
    { suggestion: 'Use an image that has the language and a shell on its PATH' },
  )
}

/**
 * Returns the error for a pod that does not run at the deadline of its launch. `seen` has the last
 * state of the pod, and the error of the watch if the watch failed.
 */
export function tooLate(
  spec: LaunchSpec,
  { sight, failure }: { sight: Sight; failure?: unknown },
  timeoutMs: number,
): SandboxError {
  const facts = sight === 'gone' ? undefined : sight
  const late = `${spec.name} did not run within ${timeoutMs} ms`
  if (facts?.unschedulable) {
    return new SandboxError(
      'SANDBOX_ENGINE_FAILED',
      `no node takes a pod, ${late}: ${facts.unschedulable.message}`,
      {
        retryAfterMs: ROOM_RETRY_MS,
        suggestion: 'Add nodes, lower `cpuRequest` or memory, or lower the size of the pool',
      },
    )
  }
  if (failure instanceof Error) {
    return new SandboxError(
      'SANDBOX_ENGINE_FAILED',
      `${late}: the watch of the pods fails: ${failure.message}`,
      { cause: failure, suggestion: 'Check the right of the account to watch pods' },
    )
  }
  const reason = facts?.waiting?.reason || 'the cluster did not say why'
  return new SandboxError('SANDBOX_ENGINE_FAILED', `${late}: ${reason}`, {
    suggestion: 'Raise `launchTimeoutMs` if the nodes pull large images',
  })
}

/** Returns the error for a pod that was deleted during its launch. */
export function removed({ name }: LaunchSpec): SandboxError {
  return new SandboxError('SANDBOX_ENGINE_FAILED', `the pod of ${name} was deleted at its launch`)
}

/** Returns the error for a pod on a node that vanished. */
export function nodeLost({ name }: LaunchSpec, node: string): SandboxError {
  return new SandboxError(
    'SANDBOX_ENGINE_FAILED',
    `${name} did not start: its node ${node} is lost`,
  )
}

/** Returns the error for a part of a launch that the engine does not have. */
export function unsupported(part: string, suggestion: string): SandboxError {
  return new SandboxError('SANDBOX_ENGINE_FAILED', `the engine has no ${part}`, { suggestion })
}

function refused({ name }: LaunchSpec, reason: string): SandboxError {
  return new SandboxError('SANDBOX_ENGINE_FAILED', `the cluster did not start ${name}: ${reason}`)
}
