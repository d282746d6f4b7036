import { SandboxError } from '../errors.js'

/** Returns the error for a container that was not ready when `start()` reached its time limit. */
export function notReadyInTime(language: string): SandboxError {
  const message = `a ${language} sandbox was not ready within startTimeoutMs`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', `${message}; its launch continues`)
}

/** Returns the error for a container that may still exist after the pool was closed. */
export function removalUnconfirmed(name: string): SandboxError {
  const message = `the engine did not confirm the removal of ${name} in time`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', message, {
    suggestion: 'Check whether the container still exists when the engine answers again',
  })
}

/**
 * Returns the error of a failed operation as a `SandboxError`. The message begins with `operation`,
 * such as `the launch of sandbox_python_1.1_f00d42`.
 */
export function asSandboxError(error: unknown, operation: string): SandboxError {
  if (error instanceof SandboxError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SandboxError('SANDBOX_ENGINE_FAILED', `${operation} failed: ${message}`, {
    cause: error,
  })
}

/** Returns the error for a container that exited while no lease held it. */
export function diedIdle(name: string): SandboxError {
  return new SandboxError('SANDBOX_AGENT_FAILED', `${name} exited while it was idle`)
}
