// Looks at values of a program: their proxies and getters may throw. Runs in the processes that run
// programs.

/** The value of an action, or `undefined` if it throws. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

const isInstance = (kind, value) => attempt(() => value instanceof kind)

module.exports = { attempt, isInstance }
