import type { SandboxPool } from '../../sandbox-pool.js'

/** The environment variables of a sandbox. */
export type Env = Readonly<Record<string, string>>

/**
 * The environment variables of the sessions of each pool, by the ids in the pool. The provider does
 * not keep them, because an app may make a provider for each request.
 */
const KEPT = new WeakMap<SandboxPool, Map<string, Env>>()

/** Returns the variables of the sessions of a pool that have not ended. */
export function envOfSessions(pool: SandboxPool): Map<string, Env> {
  const kept = KEPT.get(pool) ?? new Map<string, Env>()
  KEPT.set(pool, kept)
  const open = new Set(pool.listSessions().map(({ id }) => id))
  for (const id of kept.keys()) if (!open.has(id)) kept.delete(id)
  return kept
}
