import { SandboxError } from '../../errors.js'

/** Returns the error of a call that the interface of an SDK has and a sandbox has not. */
export function unsupported(call: string, why: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `${call}: not supported: ${why}`)
}

/** The `UnsupportedCapabilityError` of `@tanstack/ai-sandbox`, by its name and its fields. */
export function unsupportedCapability(provider: string, capability: string, why: string): Error {
  const name = 'UnsupportedCapabilityError'
  const error = new Error(`${provider} does not support ${capability}: ${why}`)
  return Object.assign(error, { name, provider, capability })
}
