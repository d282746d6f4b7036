import { SandboxError } from '../../errors.js'

/** Returns the error of a call of an SDK that a sandbox does not support. */
export function unsupported(call: string, why: string): SandboxError {
  return new SandboxError('SANDBOX_INVALID_OPTION', `${call}: not supported: ${why}`)
}

/**
 * Returns an error with the name and the fields of `UnsupportedCapabilityError` of
 * `@tanstack/ai-sandbox`.
 */
export function unsupportedCapability(provider: string, capability: string, why: string): Error {
  const name = 'UnsupportedCapabilityError'
  const error = new Error(`${provider} does not support ${capability}: ${why}`)
  return Object.assign(error, { name, provider, capability })
}
