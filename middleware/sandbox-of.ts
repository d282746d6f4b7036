import type { Context } from 'hono'
import { SandboxError } from '../src/errors.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'

/** Returns the sandbox from the options, or otherwise the sandbox of the middleware. */
export function sandboxOf(c: Context, given: Sandbox | undefined): Sandbox {
  const held: Sandbox | undefined = given ?? c.get('sandbox')
  if (held) return held
  throw new SandboxError('SANDBOX_INVALID_OPTION', 'this request has no sandbox', {
    suggestion: 'Mount sandbox() before the handler, or pass a sandbox as the option `sandbox`',
  })
}
