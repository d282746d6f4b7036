// Processes that are kept, and the runs in them

const PAGE_SIZE = 4096
const AGAIN_MS = 200
const contexts = new Map()

/** The `open` request. Its outlets are those of the run that is under way. */
class Context extends Program {
  run = null
  isReady = false
  idleSince = 0
  cause = undefined

  constructor(id, child, name) {
    super(id, child)
    this.name = name
    contexts.set(name, this)
    this.inlet.socket.end()
    this.lend(null)
    if (child.records) child.records.hear = (tag, message) => this.hear(tag, message)
  }

  /** It has no stdin any more. */
  data() {}

  lend(id) {
    for (const outlet of this.outlets) outlet.lend(id)
  }

  begin(id, { code, timeoutMs }) {
    this.run = new ContextRun(id, this)
    this.limit(timeoutMs)
    jobs.set(id, this.run)
    this.child.stdio[4].write(line({ code }))
    this.lend(id)
  }

  hear(tag, { exitCode, cpuMs }) {
    if (tag === READY && !this.isReady) {
      this.isReady = true
      this.base = ownBytes(this.child.pid)
      send(STARTED, this.id, json({ pid: this.child.pid }))
    } else if (tag === END && this.run) {
      const usage = { cpuMs: Number.isFinite(cpuMs) && cpuMs > 0 ? cpuMs : 0 }
      const { id } = this.run
      this.run = null
      clearTimeout(this.deadline)
      this.lend(null)
      done(id, { exitCode: Number.isInteger(exitCode) ? exitCode : 1, signal: null, usage })
    }
    this.idleSince = performance.now()
    setImmediate(boundMemory)
  }

  exited(exitCode, signal) {
    if (contexts.get(this.name) === this) contexts.delete(this.name)
    super.exited(exitCode, signal, this.cause)
  }

  finish() {
    super.finish()
    if (this.run && !jobs.has(this.id)) done(this.run.id, this.exit)
  }

  evict() {
    this.cause = 'oom'
    this.signal('SIGKILL')
  }
}

class ContextRun {
  constructor(id, context) {
    Object.assign(this, { id, context })
  }

  data(data) {
    sendCredit(this.id, data.length) // nobody reads it
  }

  eof() {}

  credit(channel, amount) {
    this.context.credit(channel, amount)
  }

  signal(name) {
    this.context.signal(name)
    if (name !== 'SIGINT') return
    // Node loses one that comes while it begins to wait: once more, where the run goes on
    setTimeout(() => this.context.run === this && this.context.signal(name), AGAIN_MS)
  }
}

function runInContext(id, request) {
  const { context: name, call } = request
  if (call) throw failure('EINVAL', 'a call has no context')
  const context = contexts.get(name)
  if (!context) throw failure('ESRCH', 'no such context is open')
  if (context.run || !context.isReady) throw failure('EBUSY', 'the context is busy')
  context.begin(id, request)
}

/** But for the last, they may hold so much together: else who has been idle longest goes. */
function boundMemory() {
  const idle = [...contexts.values()].filter(
    (context) => context.isReady && !context.run && !context.cause,
  )
  idle.sort((one, other) => one.idleSince - other.idleSince).pop()
  const sizes = idle.map((context) => ownBytes(context.child.pid) - context.base)
  for (let sum = sizes.reduce(add, 0); sum > contextBytes; sum -= sizes.shift())
    idle.shift().evict()
}

const add = (one, other) => one + other

/** What a process shares with no file; under gVisor, which does not tell, all that it has. */
function ownBytes(pid) {
  try {
    const statm = fs.readFileSync(`/proc/${pid}/statm`, 'utf8')
    const [, resident, shared] = statm.split(' ').map(Number)
    return (resident - shared) * PAGE_SIZE
  } catch {
    return 0
  }
}
