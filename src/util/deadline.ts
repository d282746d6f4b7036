import { isTurnSpent } from './loop-turn.js'

/** The longest delay of a timer in Node. A longer delay would fire immediately. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Returns a function that calls another one after the current turn of the event loop, and returns the
 * function that cancels the call. It uses the timers that are installed now, also if a test installs fake
 * timers or removes them meanwhile: if `clearImmediate()` of Node gets an immediate of fake timers, Node
 * counts one immediate too few, and does not run the next one.
 */
export function turnTimer(): (action: () => void) => () => void {
  const { setImmediate, clearImmediate } = globalThis
  return (action) => {
    const immediate = setImmediate(action)
    return () => clearImmediate(immediate)
  }
}

/** A timer of {@link setDeadline}. */
export interface DeadlineTimer {
  clear: () => void
  /** Allows the process to exit before the deadline. */
  unref: () => DeadlineTimer
}

/**
 * The number of turns by which postponed input may delay a deadline. Without this limit, a flood of
 * input could delay the deadline forever.
 */
const MAX_TURNS = 10

/**
 * Calls `onLate` after `ms` milliseconds, or after the longest delay of a timer, unless the timer
 * is cleared first. Node reads the pending input before `onLate` is called. If the process was
 * frozen or its event loop was blocked, Node runs the timers before it reads the sockets, so an
 * answer that arrived in time would count as late.
 */
export function setDeadline(ms: number, onLate: () => void): DeadlineTimer {
  const afterTurn = turnTimer()
  let stopReading = () => {}
  const read = (turnsLeft: number) => {
    stopReading = afterTurn(() => {
      if (isTurnSpent() && turnsLeft > 0) read(turnsLeft - 1)
      else onLate()
    })
  }
  const timer = setTimeout(() => read(MAX_TURNS), Math.min(ms, LONGEST_TIMER_MS))
  const deadline: DeadlineTimer = {
    clear: () => {
      clearTimeout(timer)
      stopReading()
    },
    unref: () => {
      timer.unref()
      return deadline
    },
  }
  return deadline
}

/**
 * Returns the value of the promise, or `undefined` if it does not settle within `ms` milliseconds.
 * Rejects if the promise rejects in that time.
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: DeadlineTimer | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setDeadline(ms, () => resolve(undefined))
  })
  return Promise.race([promise, late]).finally(() => timer?.clear())
}

/** A signal that aborts at a deadline, or earlier if its parent signal aborts. */
export interface Deadline {
  signal: AbortSignal
  /** Stops the timer and removes the listener from the parent signal. */
  clear: () => void
}

/** Returns whether the reason of an aborted signal is a timeout. */
export function isLate(reason: unknown): reason is DOMException {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

/**
 * Creates a signal that aborts after `ms` milliseconds, or when `parent` aborts. It does not use
 * `AbortSignal.any()`, because each such signal leaves memory behind in a parent that lives as long
 * as the pool: 8 MB after 100,000 launches.
 */
export function deadlineIn(ms: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController()
  const abort = () => controller.abort(parent?.reason)
  const late = () => controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError'))
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

/** Resolves when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
