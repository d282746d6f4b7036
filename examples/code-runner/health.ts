import type { SandboxPool } from 'hono-sandbox'
import { getSandboxes, SandboxError } from 'hono-sandbox'

/** What the server says of itself. */
interface Health {
  /** Whether each language has a container that can serve, and the pool takes requests. */
  isReady: boolean
  languages: Record<string, object>
}

/** Reads it from the pool. A server whose pool has closed is still alive, but not ready. */
export function health(): Health {
  const pool = poolOfProcess()
  if (!pool) return { isReady: false, languages: {} }
  const stats = Object.entries(pool.stats())
  const canServe = stats.every(([, { ready, size, lastError }]) => {
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

function poolOfProcess(): SandboxPool | undefined {
  try {
    return getSandboxes()
  } catch (error) {
    if (error instanceof SandboxError) return undefined
    throw error
  }
}
