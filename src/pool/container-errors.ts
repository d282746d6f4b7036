import { SandboxError } from '../errors.js'

/** Why a container is missing in the report of a start that waits no longer. */
export function notUpInTime(language: string): SandboxError {
  const message = `a ${language} sandbox was not up within startTimeoutMs`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', `${message}; the pool goes on launching`)
}

/** What is told of a container that may still be there after the pool was closed. */
export function removalUnconfirmed(name: string): SandboxError {
  const message = `the engine has not confirmed in time that ${name} is gone`
  return new SandboxError('SANDBOX_WAIT_TIMEOUT', message, {
    suggestion: 'Look whether it is gone when the engine answers again',
  })
}

/** Whatever a launch or a removal threw, as the one class of error that leaves the library. */
export function asSandboxError(error: unknown, name: string): SandboxError {
  if (error instanceof SandboxError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new SandboxError('SANDBOX_ENGINE_FAILED', `${name} failed: ${message}`, { cause: error })
}

/** The failure of a container that died while no lease held it. */
export function diedIdle(name: string): SandboxError {
  return new SandboxError('SANDBOX_AGENT_FAILED', `${name} died while nobody held it`)
}
