import { setDeadline } from '../util/deadline.js'
import { SandboxError } from '../errors.js'

/** The options of {@link whileProgressing}. */
export interface ProgressOptions {
  /** The longest time between two reports of progress, in milliseconds. */
  stallMs: number
  /** Ends the work. Its reason is the error. */
  signal: AbortSignal
}

/**
 * Runs work that reports its progress, and fails if it reports none for `stallMs`. It does not wait for
 * the work to react to its signal, because a call to a hanging engine may never settle.
 *
 * @throws SandboxError `SANDBOX_SETUP_FAILED` if there was no progress; the signal's reason if it aborts.
 */
export async function whileProgressing(
  { stallMs, signal: parent }: ProgressOptions,
  work: (signal: AbortSignal, progress: () => void) => Promise<void>,
): Promise<void> {
  const stalled = new AbortController()
  const start = () =>
    setDeadline(stallMs, () => {
      const message = `no progress for ${stallMs / 1000} seconds`
      stalled.abort(new SandboxError('SANDBOX_SETUP_FAILED', message))
    })
  let timer = start()
  const signal = AbortSignal.any([parent, stalled.signal])
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    signal.throwIfAborted()
    const progress = () => {
      timer.clear()
      timer = start()
    }
    await Promise.race([work(signal, progress), ended])
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    timer.clear()
  }
}
