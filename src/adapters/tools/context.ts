import { SandboxError } from '../../errors.js'
import type { CodeContext } from '../../sandbox/code/contexts.js'
import type { Sandbox } from '../../sandbox/sandbox.js'

/**
 * Returns a function that returns the context for all runs: the first context of the sandbox, which
 * an earlier request of the session may have made, or a new context. For a defined language it
 * returns `undefined`, because such a language has no contexts.
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
