// Finds out why a program failed: the kernel refused it memory, a process or space on the disk.
// Runs in the agent.

const fs = require('node:fs')
const { pids: pidLimit, workspace } = require('./config.cjs')
const { countThreads } = require('./proc.cjs')
const { hasOwnUser } = require('./rights.cjs')

/** For each cause the name of the kernel's counter, and the files that may contain it. */
const COUNTERS = {
  oom: ['oom_kill', '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'],
  pids: ['max', '/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'],
}
const PID_REFUSALS = [
  'Resource temporarily unavailable',
  "can't start new thread",
  'Cannot fork',
  'EAGAIN',
]
/**
 * The runner has removed `main.js` before this is looked at, so a full disk has some space again.
 */
const NEARLY_FULL = 65536

const counts = new Map()
/**
 * Whether the kernel counts refused processes. That of gVisor does not, and no kernel counts those
 * that the limit of a user refuses.
 */
let hasPidCounter = false

/** Reads the counters for the first time: later causes are found by the difference. */
function startCounting() {
  hasPidCounter = !hasOwnUser && COUNTERS.pids.slice(1).some((file) => fs.existsSync(file))
  for (const [cause, counter] of Object.entries(COUNTERS)) counts.set(cause, readCounter(counter))
}

function readCounter([name, ...files]) {
  for (const file of files) {
    try {
      const line = fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .find((each) => each.startsWith(`${name} `))
      return line ? Number(line.split(' ')[1]) : 0
    } catch {
      continue
    }
  }
  return 0
}

/** The cause for which a program has failed, or `null` if the kernel has refused nothing. */
function findCause() {
  let found = null
  for (const [cause, counter] of Object.entries(COUNTERS)) {
    const count = readCounter(counter)
    if (count > counts.get(cause)) found ??= cause
    counts.set(cause, count)
  }
  if (!found && isAtPidLimit()) return 'pids'
  return found ?? (isFull(workspace) || isFull('/tmp') ? 'disk' : null)
}

/**
 * Whether a program has just written that it was refused a process, and the kernel does not count.
 */
function tellsPidRefusal(text) {
  return !hasPidCounter && PID_REFUSALS.some((refusal) => text.includes(refusal)) && isAtPidLimit()
}

function isAtPidLimit() {
  return pidLimit !== undefined && !hasPidCounter && countThreads() >= pidLimit
}

function isFull(folder) {
  try {
    const { bavail, bsize } = fs.statfsSync(folder)
    return bavail * bsize < NEARLY_FULL
  } catch {
    return false
  }
}

module.exports = { findCause, startCounting, tellsPidRefusal }
