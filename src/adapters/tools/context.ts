import { SandboxError } from '../../errors.js'
import type { CodeContext } from '../../sandbox/code/contexts.js'
import type { Sandbox } from '../../sandbox/sandbox.js'

/**
 * Returns a function that returns the context of all runs: the first context of the sandbox, for
 * example of an earlier request of the session, or a new one. A defined language has none.
 */
export function contextIn(sandbox: Sandbox): () => Promise<CodeContext | undefined> {
  let created: Promise<CodeContext | undefined> | undefined
  return async () => {
    const [first] = sandbox.listCodeContexts()
    if (first) return first
    created ??= sandbox
      .createCodeContext()
      .catch(undefinedIfNone)
      .finally(() => (created = undefined))
    return created
  }
}

function undefinedIfNone(error: unknown): undefined {
  if (error instanceof SandboxError && error.code === 'SANDBOX_INVALID_OPTION') return undefined
  throw error
}
