import { AsyncResource } from 'node:async_hooks'
import type { Settle, WaitLimits } from '../util/wait.js'
import { waitWithin } from '../util/wait.js'
import type { Tenant, Waiting } from './tenant.js'
import type { WaitQueue } from './wait-queue.js'

/** A caller in the queue, which waits for a value. */
export interface Caller<T> extends Waiting, Settle<T> {
  readonly tenant: Tenant<Caller<T>>
  /** The time to live of its lease, in milliseconds; `undefined` for the default of the pool. */
  readonly leaseTtlMs: number | undefined
  /** The time of its arrival, by `performance.now()`. */
  readonly arrivedAt: number
  /** The async context of its call. Another caller may hand it the value. */
  readonly context: AsyncResource
}

interface WaitOptions<T> extends WaitLimits, Pick<Caller<T>, 'tenant' | 'leaseTtlMs'> {}

/**
 * Waits in a queue. Resolves with the value that the caller gets; rejects with the error of `onTimeout`
 * or `onAbort`. The caller has left the queue when an error is created.
 */
export function waitIn<T>(queue: WaitQueue<Caller<T>>, options: WaitOptions<T>): Promise<T> {
  const { tenant, leaseTtlMs, timeoutMs } = options
  return waitWithin<T>(options, (settle) => {
    const arrivedAt = performance.now()
    const caller: Caller<T> = {
      ...settle,
      tenant,
      leaseTtlMs,
      arrivedAt,
      context: new AsyncResource('SandboxCaller'),
      leavesAt: arrivedAt + timeoutMs,
    }
    queue.add(tenant, caller)
    return () => queue.remove(tenant, caller)
  })
}
