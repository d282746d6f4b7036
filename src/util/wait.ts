import { setDeadline } from './deadline.js'

/** The limits of one wait. */
export interface WaitLimits {
  timeoutMs: number
  signal: AbortSignal | undefined
  /** Returns the error of the timeout. */
  onTimeout: () => Error
  /** Returns the error of an abort. */
  onAbort: (reason: unknown) => Error
}

/** The functions that settle a wait from outside. */
export interface Settle<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/**
 * Waits for the first of three events: `enter` has the wait settled from outside, the timeout is over, or
 * the signal aborts. `enter` returns the function that takes the wait out of its queue. That function is
 * called before the promise settles, and before `onTimeout` or `onAbort` creates an error.
 */
export function waitWithin<T>(
  { timeoutMs, signal, onTimeout, onAbort }: WaitLimits,
  enter: (settle: Settle<T>) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = () => {
      timer.clear()
      signal?.removeEventListener('abort', abort)
      leave()
    }
    const abort = () => {
      end()
      reject(onAbort(signal?.reason))
    }
    const timer = setDeadline(timeoutMs, () => {
      end()
      reject(onTimeout())
    })
    signal?.addEventListener('abort', abort, { once: true })
    const leave = enter({
      resolve: (value) => {
        end()
        resolve(value)
      },
      reject: (error) => {
        end()
        reject(error)
      },
    })
    if (signal?.aborted) abort()
  })
}
