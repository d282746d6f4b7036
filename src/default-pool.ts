import { isDeepStrictEqual } from 'node:util'
import { SandboxError } from './errors.js'
import { SandboxPool } from './sandbox-pool.js'
import type { StartReports } from './sandbox-pool.js'
import type { SandboxPoolOptions } from './config/pool-options.js'

interface Current {
  pool: SandboxPool
  options: SandboxPoolOptions
  started: Promise<StartReports>
}

let current: Current | undefined
let closing: Promise<void> | undefined

/**
 * Makes and fills the process's one pool, once, when the server starts. A second call without options
 * or with equal ones gives the first one's report.
 *
 * @returns how many containers came up, a language: `{ python: { ready, total, errors }, ... }`
 * @throws SandboxError `SANDBOX_INVALID_OPTION`, also for a second call with other options; and what no further try can mend:
 * `SANDBOX_RUNTIME_MISSING`, `SANDBOX_PRELOAD_FAILED`, `SANDBOX_INTERPRETER_MISSING`. Any other
 * failure is no reason to throw: it is in the report, and the container is tried again.
 *
 * @example
 * ```ts
 * import { closeSandboxes, initSandboxes } from 'hono-sandbox'
 *
 * const report = await initSandboxes({ languages: { python: { size: 1 } } })
 * console.log(report.python)
 * await closeSandboxes()
 * ```
 */
export async function initSandboxes(options?: SandboxPoolOptions): Promise<StartReports> {
  if (closing) await closing.catch(() => {}) // its caller hears of a failure
  if (!current) {
    const pool = new SandboxPool(options)
    current = { pool, options: options ?? {}, started: pool.start() }
  } else if (options && !isSame(options, current.options)) {
    throw new SandboxError(
      'SANDBOX_INVALID_OPTION',
      "initSandboxes: the process's pool has other options",
      { suggestion: 'Call closeSandboxes() first, or make another pool with new SandboxPool()' },
    )
  }
  const { pool, started } = current
  try {
    return await started
  } catch (error) {
    if (current?.pool === pool) current = undefined
    await pool.close()
    throw error
  }
}

/** Engines are compared by identity: two of the same address may still be two. */
function isSame(one: SandboxPoolOptions, other: SandboxPoolOptions): boolean {
  const { engine, ...rest } = one
  const { engine: otherEngine, ...otherRest } = other
  return engine === otherEngine && isDeepStrictEqual(rest, otherRest)
}

/**
 * The process's pool.
 *
 * @throws SandboxError `SANDBOX_NOT_INITIALIZED` before `initSandboxes()` and after `closeSandboxes()`.
 *
 * @example
 * ```ts
 * import { closeSandboxes, getSandboxes, initSandboxes } from 'hono-sandbox'
 *
 * await initSandboxes({ languages: { nodejs: { size: 1 } } })
 * console.log(getSandboxes().stats().nodejs?.idle)
 * await closeSandboxes()
 * ```
 */
export function getSandboxes(): SandboxPool {
  if (current) return current.pool
  throw new SandboxError('SANDBOX_NOT_INITIALIZED', 'there is no pool in this process', {
    suggestion: 'Call initSandboxes() when the server starts',
  })
}

/**
 * Closes the process's pool: no new lease, running ones get until `deadlineMs` (10 seconds by
 * default), then every container is removed. Resolves about a second after the deadline at the latest.
 * Does nothing if there is no pool.
 *
 * @example
 * ```ts
 * import { closeSandboxes } from 'hono-sandbox'
 *
 * await closeSandboxes({ deadlineMs: 5000 })
 * ```
 */
export async function closeSandboxes(options: { deadlineMs?: number } = {}): Promise<void> {
  const pool = current?.pool
  if (!pool) return
  // It stays the process's pool while it closes: requests are told that it is closed.
  const finishing = finish(pool, options).finally(() => {
    if (closing === finishing) closing = undefined
  })
  closing = finishing
  await finishing
}

async function finish(pool: SandboxPool, options: { deadlineMs?: number }): Promise<void> {
  await pool.close(options)
  if (current?.pool === pool) current = undefined
}
