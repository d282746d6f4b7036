// A request that runs a program: `run` and `exec`, and the base of `open`. Runs in the agent.

const { TASKS } = require('./child-protocol.cjs')
const { readAvailable } = require('./descriptors.cjs')
const { findCause, tellsPidRefusal } = require('./failure-cause.cjs')
const { OutputPipe } = require('./output-pipe.cjs')
const { cpuMsOf } = require('./proc.cjs')
const { Stream } = require('./protocol.cjs')
const { finish } = require('./requests.cjs')
const { signalTree } = require('./signal-tree.cjs')
const { StdinPipe } = require('./stdin-pipe.cjs')

/** The host ends a program at its deadline. The agent waits this much longer for it. */
const OVERDUE_MS = 2000
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** The error of the kernel's figure for processor time: four parts in steps of 10 ms. */
const TICKS_MS = 40
const LONGEST_NUMBER = 64

/**
 * The processor time that a spare took before its task. It is measured once: all take about as
 * much.
 */
let spareStartMs

class Program {
  constructor(id, child) {
    this.id = id
    this.child = child
    this.exit = null
    this.isOverdue = false
    this.wasRefusedProcess = false
    this.startMs = child.isSpare ? (spareStartMs ??= cpuMsOf(child.pid)) : 0
    this.stdin = new StdinPipe(id, child.pipes.stdin)
    const stdout = new OutputPipe(id, Stream.STDOUT, child.pipes.stdout)
    this.stderr = new OutputPipe(id, Stream.STDERR, child.pipes.stderr)
    this.stderr.onData = (text) => (this.wasRefusedProcess ||= tellsPidRefusal(text))
    this.outputs = [stdout, this.stderr]
    if (child.messages) this.outputs.push(child.messages.follow(id, stdout, this.stderr))
    child.once('exit', (code, signal) => this.end(code, signal))
  }

  data(data) {
    this.stdin.write(data)
  }

  eof() {
    this.stdin.end()
  }

  credit(stream, amount) {
    this.outputs[stream - 1]?.grant(amount)
    this.child.messages?.pump() // a message may have waited for this output
    this.finishIfSent()
  }

  signal(name) {
    if (this.exit === null && this.child.pid) signalTree(this.child.pid, name)
  }

  /** Kills the program if the host has not ended it by then: the host may be gone. */
  setDeadline(timeoutMs) {
    clearTimeout(this.deadline)
    if (timeoutMs === undefined || this.exit) return
    this.deadline = setTimeout(
      () => {
        this.isOverdue = true
        this.signal('SIGKILL')
      },
      Math.min(timeoutMs + OVERDUE_MS, LONGEST_TIMER_MS),
    )
  }

  /** Ends a program that could not be started, with the message and the exit code of a shell. */
  failToStart(error, name) {
    this.stderr.queue.push(Buffer.from(`${name}: ${error.message}\n`))
    if (error.code === 'EAGAIN') this.end(null, null, 'pids')
    else this.end(error.code === 'ENOENT' ? 127 : 126, null)
  }

  end(exitCode, signal, foundCause = exitCode === 0 ? null : findCause()) {
    clearTimeout(this.deadline)
    const cause = this.isOverdue && signal ? 'timeout' : foundCause
    this.exit = { exitCode, signal, cause, usage: { cpuMs: this.usedMs() } }
    this.stdin.destroy()
    for (const output of this.outputs) output.close()
    if (this.wasRefusedProcess && exitCode !== 0) this.exit.cause ??= 'pids'
    this.finishIfSent()
  }

  /**
   * The processor time of the program. The number that the runner tells is exact, but does not
   * include its children. The kernel's figure includes them, and is less exact.
   */
  usedMs() {
    const reapedMs = Math.max(0, (this.child.cpuMs ?? 0) - this.startMs)
    const toldMs = this.child.messages ? readLastNumber(this.child.stdio[TASKS]) : NaN
    return Math.abs(reapedMs - toldMs) <= TICKS_MS && toldMs >= 0 ? toldMs : reapedMs
  }

  finishIfSent() {
    if (this.exit && this.outputs.every((output) => output.isFinished)) finish(this.id, this.exit)
  }
}

/** The number that the runner has written at its end, or NaN. */
function readLastNumber(socket) {
  try {
    return parseFloat(socket.read() ?? readAvailable(socket._handle.fd, LONGEST_NUMBER) ?? '')
  } catch {
    return NaN // the socket is closed
  }
}

module.exports = { Program }
