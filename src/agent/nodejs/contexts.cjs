// Processes that are kept, and the runs in them

const PAGE_SIZE = 4096
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

  begin(id, code) {
    this.run = new ContextRun(id, this)
    jobs.set(id, this.run)
    this.child.stdio[4].write(line({ code }))
    this.lend(id)
  }

  hear(tag, { exitCode, cpuMs }) {
    if (tag === READY && !this.isReady) {
      this.isReady = true
      send(STARTED, this.id, json({ pid: this.child.pid }))
    } else if (tag === END && this.run) {
      const usage = { cpuMs: cpuMs > 0 ? cpuMs : 0 }
      const { id } = this.run
      this.run = null
      this.lend(null)
      done(id, { exitCode: Number.isInteger(exitCode) ? exitCode : 1, signal: null, usage })
    }
    this.idleSince = performance.now()
    setImmediate(boundMemory)
  }

  exited(exitCode, signal) {
    this.forget()
    super.exited(exitCode, signal, this.cause)
  }

  finish() {
    super.finish()
    if (this.run && !jobs.has(this.id)) done(this.run.id, this.exit)
  }

  forget() {
    if (contexts.get(this.name) === this) contexts.delete(this.name)
  }

  evict() {
    this.cause = 'oom'
    this.forget()
    this.signal('SIGKILL')
  }

  /** Without what it shares with others: under gVisor, which does not tell, all it had at first. */
  ownBytes() {
    try {
      const statm = fs.readFileSync(`/proc/${this.child.pid}/statm`, 'utf8')
      const [, resident, shared] = statm.split(' ').map(Number)
      this.pagesAtFirst ??= resident
      return (resident - (shared || this.pagesAtFirst)) * PAGE_SIZE
    } catch {
      return 0
    }
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
  }
}

function openContext(name) {
  const context = contexts.get(name)
  if (!context) throw failure('ESRCH', 'no such context is open')
  if (context.run || !context.isReady) throw failure('EBUSY', 'the context is busy')
  return context
}

/** Ends those that nobody has used for longest, until the rest holds no more than it may. */
function boundMemory() {
  const idle = [...contexts.values()].filter((context) => context.isReady && !context.run)
  const sizes = new Map(idle.map((context) => [context, context.ownBytes()]))
  let sum = [...sizes.values()].reduce((one, other) => one + other, 0)
  for (const context of idle.sort((one, other) => one.idleSince - other.idleSince)) {
    if (sum <= contextBytes) return
    sum -= sizes.get(context)
    context.evict()
  }
}
