import type { SandboxPool } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'

/** Returns the pool of the app, which is the one of the process by default; `undefined` if it has none. */
export function poolOf(pool: SandboxPool | undefined): SandboxPool | undefined {
  try {
    return pool ?? getSandboxes()
  } catch (error) {
    if (error instanceof SandboxError) return undefined
    throw error
  }
}
