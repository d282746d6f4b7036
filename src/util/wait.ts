import { setDeadline } from './deadline.js'

/** The timeout and the signal of one wait, and the errors for both. */
export interface WaitLimits {
  timeoutMs: number
  signal: AbortSignal | undefined
  /** Creates the error to reject with if the timeout is over. */
  onTimeout: () => Error
  /** Creates the error to reject with if the signal aborts. */
  onAbort: (reason: unknown) => Error
}

/** The functions that settle a wait from outside. */
export interface Settle<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/**
 * Returns a promise that settles at the first of three events: a function of {@link Settle} is
 * called, the timeout is over, or the signal aborts. `enter` gets the functions of {@link Settle},
 * and returns a function that removes the wait from its queue. That function is called before the
 * promise settles, and before `onTimeout` or `onAbort` creates an error.
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
    const timer = setDeadline(timeoutMs, () => {
      end()
      reject(onTimeout())
    })
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}
