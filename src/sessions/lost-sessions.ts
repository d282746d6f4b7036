import type { SessionEnd } from '../sandbox/session-handle.js'

/** The greatest number of ended sessions that are remembered. */
const MAX_REMEMBERED = 10_000

/**
 * Remembers why sessions have ended, so that the next session of the same key can tell. If there
 * are too many, the oldest ones are forgotten.
 */
export class LostSessions {
  readonly #reasons = new Map<string, SessionEnd>()

  remember(key: string, reason: SessionEnd): void {
    this.#reasons.delete(key)
    this.#reasons.set(key, reason)
    const [oldest] = this.#reasons.keys()
    if (this.#reasons.size > MAX_REMEMBERED && oldest !== undefined) this.#reasons.delete(oldest)
  }

  /** Returns the reason, and forgets it. */
  take(key: string): SessionEnd | undefined {
    const reason = this.#reasons.get(key)
    this.#reasons.delete(key)
    return reason
  }
}
