import type { Session } from './session.js'

/**
 * Returns the session that makes room for another one: the session without a request and without a
 * running process that has been idle for the longest time. Returns `undefined` if all are in use.
 */
export function longestIdle(sessions: readonly Session[]): Session | undefined {
  const idle = sessions.filter((session) => session.isIdle && !session.isEnding)
  return idle.toSorted((one, other) => other.info.idleMs - one.info.idleMs)[0]
}
