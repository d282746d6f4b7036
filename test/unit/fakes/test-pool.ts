import { onTestFinished } from 'vitest'
import type { TestPool, TestPoolOptions } from 'hono-sandbox/testing'
import { createTestPool } from 'hono-sandbox/testing'

/**
 * Creates a test pool for one test, and closes it after the test. Otherwise it would go on to launch
 * containers during the tests of other files, which run in the same process.
 */
export function poolOfTest(options?: TestPoolOptions): TestPool {
  const pool = createTestPool(options)
  onTestFinished(() => pool.close({ deadlineMs: 0 }))
  return pool
}
