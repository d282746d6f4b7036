// Limits the memory of the idle contexts. Runs in the agent.

const { contextBytes } = require('./config.cjs')

const add = (one, other) => one + other

/**
 * Ends the contexts that have been idle for longest, until the rest holds no more than it may. The
 * context that was used last is neither counted nor ended.
 */
function boundMemory(contexts) {
  const idle = contexts.filter((context) => context.isIdle())
  idle.sort((one, other) => one.idleSince - other.idleSince).pop()
  const sizes = idle.map((context) => context.ownBytes())
  for (let sum = sizes.reduce(add, 0); sum > contextBytes; sum -= sizes.shift())
    idle.shift().evict()
}

module.exports = { boundMemory }
