/** What comes within the time; `undefined` where it does not. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** A signal that aborts at a deadline, or with a parent, whichever comes first. */
export interface Deadline {
  signal: AbortSignal
  /** Lets go of the timer and of the parent. */
  clear: () => void
}

/** Whether a signal aborted because the time was over. */
export function isLate(reason: unknown): reason is DOMException {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

/**
 * Makes one. `AbortSignal.any()` would do, but each leaves a trace in a parent that lives as long as
 * the pool: 8 MB after 100,000 launches.
 */
export function deadlineIn(ms: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController()
  const abort = () => controller.abort(parent?.reason)
  const late = () => controller.abort(new DOMException(`no answer in ${ms} ms`, 'TimeoutError'))
  const timer = setTimeout(late, ms)
  if (parent?.aborted) abort()
  else parent?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer)
      parent?.removeEventListener('abort', abort)
    },
  }
}

/** Settles when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
