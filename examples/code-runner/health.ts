import type { SandboxPool } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'

/** The state of the server, for its health endpoints. */
interface Health {
  /** Whether each language can run code at once and the pool is not closing. */
  isReady: boolean
  languages: Record<string, object>
}

/** Reads the state from the pool. If the pool is closed, the server is alive but not ready. */
export function health(): Health {
  const pool = poolOfProcess()
  if (!pool) return { isReady: false, languages: {} }
  const stats = Object.entries(pool.stats())
  const canServe = stats.every(([, { ready, size, lastError }]) => {
    // A pool of size 0 has no warm containers by design: it launches one when a request needs it.
    const isUnused = size === 0 && !lastError
    return ready > 0 || isUnused
  })
  const languages = Object.fromEntries(
    stats.map(([language, { ready, idle, leased, waiting, runtime, image, lastError }]) => [
      language,
      { ready, idle, leased, waiting, runtime, image, error: lastError?.code },
    ]),
  )
  return { isReady: canServe && !pool.isClosing, languages }
}

/** Returns the pool of this process; `undefined` if there is none. */
export function poolOfProcess(): SandboxPool | undefined {
  try {
    return getSandboxes()
  } catch (error) {
    if (error instanceof SandboxError) return undefined
    throw error
  }
}
