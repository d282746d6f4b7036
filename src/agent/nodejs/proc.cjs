// Reads /proc: processes, threads, processor time and memory. Runs in the agent.

const fs = require('node:fs')

const TICK_MS = 10
const PAGE_SIZE = 4096
// Indices of the fields in /proc/<pid>/stat after the name, see proc(5).
const PARENT = 1
const GROUP = 2
const OWN_TIME = 11
const CHILDREN_TIME = 13

/** The fields of /proc/<pid>/stat that follow the name, which may itself contain spaces. */
function statFields(pid) {
  return fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')
}

/** The sum of two neighbouring fields in milliseconds: user time and system time. */
function timeMs(pid, field) {
  try {
    const fields = statFields(pid)
    return (Number(fields[field]) + Number(fields[field + 1])) * TICK_MS
  } catch {
    return 0
  }
}

/** The processor time of a process, in milliseconds. */
function cpuMsOf(pid) {
  return timeMs(pid, OWN_TIME)
}

let reapedMs = 0

/**
 * The processor time of the children that have ended since the last call, with that of the children
 * that they waited for.
 */
function takeReapedMs() {
  const before = reapedMs
  reapedMs = timeMs('self', CHILDREN_TIME)
  return reapedMs - before
}

/** Calls a function with each process; a process that ends meanwhile is left out. */
function forEachProcess(visit) {
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      visit(Number(name))
    } catch {
      continue
    }
  }
}

function countThreads() {
  let total = 0
  forEachProcess((pid) => (total += fs.readdirSync(`/proc/${pid}/task`).length))
  return total
}

/** The parent and the process group of every process, by process id. */
function readFamilies() {
  const parents = new Map()
  const groups = new Map()
  forEachProcess((pid) => {
    const fields = statFields(pid)
    parents.set(pid, Number(fields[PARENT]))
    groups.set(pid, Number(fields[GROUP]))
  })
  return { parents, groups }
}

/**
 * The memory that a process shares with no file. gVisor does not tell it: there it is all memory.
 */
function ownBytes(pid) {
  try {
    const statm = fs.readFileSync(`/proc/${pid}/statm`, 'utf8')
    const [, resident, shared] = statm.split(' ').map(Number)
    return (resident - shared) * PAGE_SIZE
  } catch {
    return 0
  }
}

module.exports = { countThreads, cpuMsOf, ownBytes, readFamilies, takeReapedMs }
