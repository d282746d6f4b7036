import type { SandboxPool } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'

/**
 * Returns the pool of the app, else the pool of the process. Returns `undefined` if there is no
 * pool.
 */
export function poolOf(pool: SandboxPool | undefined): SandboxPool | undefined {
  try {
    return pool ?? getSandboxes()
  } catch (error) {
    if (error instanceof SandboxError) return undefined
    throw error
  }
}
