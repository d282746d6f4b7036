import type { Sandbox, SandboxPoolOptions } from 'hono-sandbox'
import { SandboxPool } from 'hono-sandbox'
import { afterAll, beforeAll } from 'vitest'
import { runtimes } from '../helpers/engine.js'

export { runtimes }

/** An image with pandas and matplotlib. */
const IMAGE = 'hono-sandbox/python-data:bookworm'

/** Starts a pool with one warm container for a block of tests, and closes it after them. */
export function usePool(runtime: string, options: SandboxPoolOptions = {}): () => SandboxPool {
  let pool: SandboxPool
  beforeAll(async () => {
    pool = new SandboxPool({
      languages: { python: { image: IMAGE, runtime, size: 1, max: 2 } },
      ...options,
    })
    await pool.start()
  })
  afterAll(() => pool.close({ deadlineMs: 0 }))
  return () => pool
}

/** Leases a container for a block of tests. */
export function useSandbox(pool: () => SandboxPool): () => Sandbox {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await pool().acquire('python', { timeoutMs: 60_000, leaseTtlMs: 300_000 })
  })
  afterAll(() => void sandbox.release())
  return () => sandbox
}
