import type { LaunchSpec } from '../engine.js'

/** The label that names the pool's owner on every container of this library. */
export const OWNER_LABEL = 'hono-sandbox.owner'

/** Returns the labels of a container. */
export function labelsOf({
  owner,
  language,
}: Pick<LaunchSpec, 'owner' | 'language'>): Record<string, string> {
  return { [OWNER_LABEL]: owner, 'hono-sandbox.pool': language }
}
