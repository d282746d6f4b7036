// Who we are, and who the programs are

const NOBODY = 65534
const isRoot = process.getuid() === 0
if (isRoot) {
  process.setgroups([])
  process.setgid(NOBODY) // for good: a switch costs a signal to every thread, and one is enough
}
const asProgram = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

/** One file operation with nobody's rights, no more than the programs have. */
function asNobody(action) {
  if (process.geteuid() !== 0) return action()
  process.seteuid(NOBODY)
  try {
    return action()
  } finally {
    process.seteuid(0)
  }
}

/** When memory is short the program goes before the agent: it inherits what is set around its start. */
function asFirstVictim(action) {
  const set = (score) => {
    try {
      fs.writeFileSync('/proc/self/oom_score_adj', score)
    } catch {
      // not ours to set here: the kernel takes the largest, which is seldom the agent
    }
  }
  set('1000')
  try {
    return action()
  } finally {
    set('0')
  }
}

const COUNTERS = {
  oom: ['oom_kill', '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'],
  pids: ['max', '/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'],
}

function counter([name, ...files]) {
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

/** gVisor's kernel refuses and does not count: there it is found out as well as it can be. */
const isCounted = COUNTERS.pids.slice(1).some((file) => fs.existsSync(file))
const REFUSED = [
  'Resource temporarily unavailable',
  "can't start new thread",
  'Cannot fork',
  'EAGAIN',
]

/** Whether a program was refused a process or thread, when it has just said this. */
function isRefusal(said) {
  return REFUSED.some((word) => said.includes(word)) && isCrowded()
}

function isCrowded() {
  return PIDS !== undefined && !isCounted && countThreads() >= PIDS
}

function countThreads() {
  let total = 0
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      total += fs.readdirSync(`/proc/${name}/task`).length
    } catch {
      continue
    }
  }
  return total
}

const counts = new Map(Object.entries(COUNTERS).map(([cause, where]) => [cause, counter(where)]))

/** What the kernel refused a program, if that is why it failed. */
function findCause() {
  let found = null
  for (const [cause, where] of Object.entries(COUNTERS)) {
    const count = counter(where)
    if (count > counts.get(cause)) found ??= cause
    counts.set(cause, count)
  }
  if (!found && isCrowded()) return 'pids'
  return found ?? (isFull(WORKSPACE) || isFull('/tmp') ? 'disk' : null)
}

const NEARLY_FULL = 65536

function isFull(folder) {
  try {
    const { bavail, bsize } = fs.statfsSync(folder)
    return bavail * bsize < NEARLY_FULL // the runner has removed main.js by now
  } catch {
    return false
  }
}

const TICK_MS = 10

/** The processor time of a process, in milliseconds. */
function cpuMsOf(pid) {
  return cpuMsIn(pid, 11)
}

let reapedMs = 0

/** That of the children which have ended since the last call, and of the children they waited for. */
function takeReapedMs() {
  const before = reapedMs
  reapedMs = cpuMsIn('self', 13)
  return reapedMs - before
}

/** The sum of two neighbours in /proc/<pid>/stat: user and system time. See proc(5). */
function cpuMsIn(pid, field) {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')
    return (Number(fields[field]) + Number(fields[field + 1])) * TICK_MS
  } catch {
    return 0
  }
}
