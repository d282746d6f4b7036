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
 * Creates the pool of this process and launches its containers. Call it once, when the server
 * starts. A further call without options, or with equal options, returns the report of the first
 * call.
 *
 * @returns the number of ready containers of each language: `{ python: { ready, total, errors },
 * ... }`. Other failures than the errors below are not thrown: they are in `errors`, and the pool
 * retries.
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if an option or a variable is not valid, or if the
 * pool exists with other options.
 * @throws SandboxError `SANDBOX_RUNTIME_MISSING`, `SANDBOX_PRELOAD_FAILED`,
 * `SANDBOX_INTERPRETER_MISSING`: a retry cannot fix these errors. The pool is closed then.
 * @throws SandboxError `SANDBOX_ISOLATION_WEAK` if the isolation is less than `minIsolation`, or the
 * error of a launch if it cannot be examined.
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
  if (closing) await closing.catch(() => {}) // closeSandboxes() itself reports the error.
  if (!current) {
    const pool = new SandboxPool(options)
    current = { pool, options: options ?? {}, started: pool.start() }
  } else if (options && !isSame(options, current.options)) {
    throw new SandboxError(
      'SANDBOX_INVALID_OPTION',
      'initSandboxes: the pool of this process has other options',
      { suggestion: 'Call closeSandboxes() first, or create another pool with new SandboxPool()' },
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

/**
 * Returns whether two sets of options are equal. Engines are compared by identity, because two
 * engines with the same address can still be different connections.
 */
function isSame(one: SandboxPoolOptions, other: SandboxPoolOptions): boolean {
  const { engine, ...rest } = one
  const { engine: otherEngine, ...otherRest } = other
  return engine === otherEngine && isDeepStrictEqual(rest, otherRest)
}

/**
 * Returns the pool of this process, which `initSandboxes()` has created.
 *
 * @throws SandboxError `SANDBOX_NOT_INITIALIZED` before `initSandboxes()` and after
 * `closeSandboxes()`.
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
  throw new SandboxError('SANDBOX_NOT_INITIALIZED', 'this process has no sandbox pool', {
    suggestion: 'Call initSandboxes() when the server starts',
  })
}

/**
 * Closes the pool of this process: refuses new leases, waits up to `deadlineMs` (10 seconds by
 * default) for the leases to end, and removes every container. Resolves at the latest about one
 * second after the deadline. It does nothing if there is no pool.
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
  // The pool stays current while it closes, so that requests get SANDBOX_CLOSED and not
  // SANDBOX_NOT_INITIALIZED.
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
