import { AsyncResource } from 'node:async_hooks'
import { setDeadline } from '../util/deadline.js'
import type { Tenant, Waiting } from './tenant.js'
import type { WaitQueue } from './wait-queue.js'

/** A caller in the queue, which waits for a value. */
export interface Caller<T> extends Waiting {
  readonly tenant: Tenant<Caller<T>>
  /** The time to live of its lease, in milliseconds; `undefined` for the default of the pool. */
  readonly leaseTtlMs: number | undefined
  /** The time of its arrival, by `performance.now()`. */
  readonly arrivedAt: number
  /** The async context of its call. Another caller may hand it the value. */
  readonly context: AsyncResource
  resolve: (value: T) => void
  reject: (error: Error) => void
}

interface WaitOptions<T> extends Pick<Caller<T>, 'tenant' | 'leaseTtlMs'> {
  timeoutMs: number
  signal: AbortSignal | undefined
  /** Returns the error of the timeout. The caller has left the queue when it is called. */
  onTimeout: () => Error
  onAbort: (reason: unknown) => Error
}

/**
 * Waits in a queue. The first of three events settles the caller: it gets a value, its timeout is
 * over, or its signal aborts. The caller then leaves the queue, and its timer and its listener are
 * removed. Resolves with the value; rejects with the error of `onTimeout` or `onAbort`.
 */
export function waitIn<T>(queue: WaitQueue<Caller<T>>, options: WaitOptions<T>): Promise<T> {
  const { tenant, leaseTtlMs, timeoutMs, signal, onTimeout, onAbort } = options
  return new Promise<T>((resolve, reject) => {
    const leave = () => {
      queue.remove(tenant, caller)
      timer.clear()
      signal?.removeEventListener('abort', abort)
    }
    const arrivedAt = performance.now()
    const caller: Caller<T> = {
      tenant,
      leaseTtlMs,
      arrivedAt,
      context: new AsyncResource('SandboxCaller'),
      leavesAt: arrivedAt + timeoutMs,
      resolve: (value) => {
        leave()
        resolve(value)
      },
      reject: (error) => {
        leave()
        reject(error)
      },
    }
    const abort = () => caller.reject(onAbort(signal?.reason))
    const timer = setDeadline(timeoutMs, () => {
      leave()
      reject(onTimeout())
    })
    signal?.addEventListener('abort', abort, { once: true })
    queue.add(tenant, caller)
  })
}
