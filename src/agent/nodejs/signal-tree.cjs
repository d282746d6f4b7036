// Signals a process and its descendants. Runs in the agent.

const { readFamilies } = require('./proc.cjs')

/** Signals the process group of a program and its descendants, also those in other sessions. */
function signalTree(root, signal) {
  if (signal === 'SIGKILL') return signalAll([-root, ...stopTree(root)], signal)
  // The group gets the signal once: a process of the group does not get it a second time.
  const others = [...treeOf(root)].filter(([, group]) => group !== root)
  signalAll([-root, ...others.map(([pid]) => pid)], signal)
}

/**
 * Stops the processes, so that none starts another one or leaves the group before it is killed.
 * Returns them. A process stays one of them if its parent ends: gVisor sends SIGHUP and SIGCONT to
 * a stopped group that a process leaves.
 */
function stopTree(root) {
  const stopped = new Set()
  for (;;) {
    const started = [...treeOf(root).keys()].filter((pid) => !stopped.has(pid))
    if (started.length === 0) return stopped
    signalAll([-root, ...started], 'SIGSTOP')
    for (const pid of started) stopped.add(pid)
  }
}

/** The groups of the processes in the group of a program and of all descendants, by pid. */
function treeOf(root) {
  const { parents, groups } = readFamilies()
  const found = new Map()
  for (const [pid, group] of groups) if (pid === root || group === root) found.set(pid, group)
  for (let size = 0; size < found.size;) {
    size = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.set(pid, groups.get(pid))
  }
  return found
}

function signalAll(targets, signal) {
  for (const target of targets) {
    try {
      process.kill(target, signal)
    } catch {
      continue
    }
  }
}

module.exports = { signalTree }
