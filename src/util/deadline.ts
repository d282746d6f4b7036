import { isTurnSpent } from './loop-turn.js'

/** A timer of {@link setDeadline}. */
export interface DeadlineTimer {
  clear: () => void
  /** The process may exit before the deadline. */
  unref: () => DeadlineTimer
}

/** Input that is postponed counts as pending, but no flood of it may put a deadline off for ever. */
const MAX_TURNS = 10

/**
 * Calls `onLate` after `ms`, unless it is cleared. The pending input is read first: after the process
 * was frozen or its event loop was blocked, Node runs the timers before it reads the sockets, and an
 * answer that has arrived in time would count as late.
 */
export function setDeadline(ms: number, onLate: () => void): DeadlineTimer {
  let reading: NodeJS.Immediate | undefined
  const read = (turnsLeft: number) => {
    reading = setImmediate(() => {
      if (isTurnSpent() && turnsLeft > 0) read(turnsLeft - 1)
      else onLate()
    })
  }
  const timer = setTimeout(() => read(MAX_TURNS), ms)
  const deadline: DeadlineTimer = {
    clear: () => {
      clearTimeout(timer)
      clearImmediate(reading)
    },
    unref: () => {
      timer.unref()
      return deadline
    },
  }
  return deadline
}

/** What comes within the time; `undefined` where it does not. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: DeadlineTimer | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setDeadline(ms, () => resolve(undefined))
  })
  return Promise.race([promise, late]).finally(() => timer?.clear())
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
  const timer = setDeadline(ms, late)
  if (parent?.aborted) abort()
  else parent?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    clear: () => {
      timer.clear()
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
