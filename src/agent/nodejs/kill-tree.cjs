// Signals a process and its descendants. Runs in the agent.

const { readFamilies } = require('./proc.cjs')

/** Signals the process group of a program and its descendants, also those in other sessions. */
function killTree(root, signal) {
  const { parents, groups } = readFamilies()
  const found = new Set([root])
  for (let size = 0; size < found.size;) {
    size = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  // The group gets the signal once: a process of the group does not get it a second time.
  const others = [...found].filter((pid) => groups.get(pid) !== root)
  for (const target of [-root, ...others]) {
    try {
      process.kill(target, signal)
    } catch {
      continue
    }
  }
}

module.exports = { killTree }
