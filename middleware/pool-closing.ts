import type { SandboxPool } from '../src/sandbox-pool.js'

/** The callbacks for the end of a pool. The pool has one listener for all of them. */
const callbacksOf = new WeakMap<SandboxPool, Set<() => void>>()

/** Calls `onClosing` once, when the pool begins to close. A further call with it has no effect. */
export function onPoolClosing(pool: SandboxPool, onClosing: () => void): void {
  const known = callbacksOf.get(pool)
  const callbacks = known ?? new Set()
  callbacks.add(onClosing)
  if (known) return
  callbacksOf.set(pool, callbacks)
  pool.once('closing', () => callbacks.forEach((call) => call()))
}
