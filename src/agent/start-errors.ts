import { SandboxError } from '../errors.js'
import { isLate } from '../util/deadline.js'
import type { Hello } from './protocol.js'

type Failure = NonNullable<Hello['failed']>

/**
 * Returns the error for an aborted start. A timeout is a failure of the agent, any other abort is
 * not.
 */
export function abortError(reason: unknown, name: string): unknown {
  return isLate(reason) ? agentFailed(name, 'it did not send its hello frame in time') : reason
}

/** Returns the error for an agent that reports that it cannot run code. */
export function startFailed(name: string, failed: Failure): SandboxError {
  const { preload, message } = failed
  if (preload === undefined) {
    return new SandboxError(
      'SANDBOX_INTERPRETER_MISSING',
      `the interpreter in ${name} is not usable: ${message}`,
    )
  }
  return new SandboxError(
    'SANDBOX_PRELOAD_FAILED',
    `the preload module ${JSON.stringify(preload)} could not be imported in ${name}: ${message}`,
    { suggestion: 'Use an image with this module, readable by user nobody' },
  )
}

/** Returns the error for an agent that did not start. */
export function agentFailed(name: string, reason: string): SandboxError {
  return new SandboxError('SANDBOX_AGENT_FAILED', `the agent in ${name} did not start: ${reason}`, {
    suggestion: 'Use an image with the interpreter of the language on its PATH',
  })
}
