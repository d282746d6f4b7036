// Contexts: processes that are kept for several runs, and the runs in them. Runs in the agent.

const { END, READY } = require('./child-protocol.cjs')
const { boundMemory } = require('./context-memory.cjs')
const { failure } = require('./failure.cjs')
const { ownBytes } = require('./proc.cjs')
const { Program } = require('./program.cjs')
const { Kind, sendCredit, sendJson } = require('./protocol.cjs')
const { finish, requests } = require('./requests.cjs')
const { giveTask } = require('./spare.cjs')

/** An interrupt within this time after another interrupt has no effect. */
const INTERRUPT_PAUSE_MS = 200

/** The open contexts, by name. */
const contexts = new Map()

/** An `open` request. Its output pipes belong to the run that is under way. */
class Context extends Program {
  run = null
  isReady = false
  idleSince = 0
  cause = undefined
  /** Whether it got an interrupt since the last task. */
  wasInterrupted = false

  constructor(id, child, name) {
    super(id, child)
    this.name = name
    contexts.set(name, this)
    this.stdin.end()
    this.assignOutputs(null)
    if (child.messages) child.messages.onMessage = (tag, message) => this.handle(tag, message)
  }

  /** The stdin of a context is closed. */
  data() {}

  assignOutputs(id) {
    for (const output of this.outputs) output.assign(id)
  }

  begin(id, { code, timeoutMs }) {
    this.run = new ContextRun(id, this)
    this.setDeadline(timeoutMs)
    requests.set(id, this.run)
    giveTask(this.child, { code, followsInterrupt: this.wasInterrupted })
    this.wasInterrupted = false
    this.assignOutputs(id)
  }

  handle(tag, { exitCode, cpuMs }) {
    if (tag === READY && !this.isReady) {
      this.isReady = true
      this.initialBytes = ownBytes(this.child.pid)
      sendJson(Kind.STARTED, this.id, { pid: this.child.pid })
    } else if (tag === END && this.run) {
      const usage = { cpuMs: Number.isFinite(cpuMs) && cpuMs > 0 ? cpuMs : 0 }
      const { id } = this.run
      this.run = null
      clearTimeout(this.deadline)
      this.assignOutputs(null)
      finish(id, { exitCode: Number.isInteger(exitCode) ? exitCode : 1, signal: null, usage })
    }
    this.idleSince = performance.now()
    setImmediate(() => boundMemory([...contexts.values()]))
  }

  end(exitCode, signal) {
    if (contexts.get(this.name) === this) contexts.delete(this.name)
    super.end(exitCode, signal, this.cause)
  }

  finishIfSent() {
    super.finishIfSent()
    if (this.run && !requests.has(this.id)) finish(this.run.id, this.exit)
  }

  signal(name) {
    this.wasInterrupted ||= name === 'SIGINT'
    super.signal(name)
  }

  isIdle() {
    return this.isReady && !this.run && !this.cause
  }

  /** How much memory it has taken since it was opened. */
  ownBytes() {
    return ownBytes(this.child.pid) - this.initialBytes
  }

  evict() {
    this.cause = 'oom'
    this.signal('SIGKILL')
  }
}

/** A `run` request in a context. */
class ContextRun {
  interruptedAt = -Infinity

  constructor(id, context) {
    this.id = id
    this.context = context
  }

  data(data) {
    sendCredit(this.id, data.length) // nothing reads it
  }

  eof() {}

  credit(stream, amount) {
    this.context.credit(stream, amount)
  }

  /**
   * An interrupt is a line, which ends code that waits, and then a signal, which ends a computation.
   * A second signal soon after could kill the process: Node has no handler for a moment when a
   * computation has ended.
   */
  signal(name) {
    if (name !== 'SIGINT') return this.context.signal(name)
    const now = performance.now()
    if (now - this.interruptedAt < INTERRUPT_PAUSE_MS) return
    this.interruptedAt = now
    giveTask(this.context.child, { isInterrupt: true })
    this.context.signal(name)
  }
}

function checkNewName(name) {
  if (contexts.has(name)) throw failure('EEXIST', 'such a context is open')
}

function runInContext(id, request) {
  const { context: name, call } = request
  if (call) throw failure('EINVAL', 'a call has no context')
  const context = contexts.get(name)
  if (!context) throw failure('ESRCH', 'no such context is open')
  if (context.run || !context.isReady) throw failure('EBUSY', 'the context is busy')
  context.begin(id, request)
}

module.exports = { Context, checkNewName, runInContext }
