// File requests that are under way: they run the steps of a file operation. Runs in the agent.

const { failure } = require('./failure.cjs')
const { CHUNK, Kind, Stream, WINDOW, sendCredit, sendData, sendJson } = require('./protocol.cjs')
const { attempt, finish } = require('./requests.cjs')
const { asNobody } = require('./rights.cjs')

/** How long one request may work before the event loop goes on. */
const SLICE_MS = 5
const NOTHING = Buffer.alloc(0)

/** Sends the bytes that the operation yields, as far as the credit of the host allows. */
class FileRequest {
  hasStarted = false
  budget = WINDOW
  unsent = NOTHING
  nextSlice = null

  constructor(id, steps) {
    this.id = id
    this.steps = steps
  }

  begin() {
    this.runSlice()
  }

  data() {}

  eof() {}

  credit(_stream, amount) {
    this.budget += amount
    if (!this.nextSlice) this.runSlice()
  }

  signal() {
    throw failure('ECANCELED', 'the host stopped it')
  }

  /** Ends the operation at once: its `finally` closes its files and removes an unfinished file. */
  close() {
    clearImmediate(this.nextSlice)
    this.withRights(() => this.steps.return())
  }

  runSlice() {
    this.nextSlice = null
    attempt(this.id, () => this.withRights(() => this.work()))
  }

  work() {
    for (const end = performance.now() + SLICE_MS; performance.now() < end;) {
      if (!this.sendUnsent()) return // `credit` goes on
      const { value, done } = this.steps.next()
      if (done) return finish(this.id, {})
      if (Buffer.isBuffer(value)) this.unsent = value
      else if (value) this.sendStarted(value)
    }
    this.nextSlice = setImmediate(() => this.runSlice())
  }

  /** Returns whether everything is sent that was yielded. */
  sendUnsent() {
    while (this.unsent.length > 0 && this.budget > 0) {
      const data = this.unsent.subarray(0, Math.min(CHUNK, this.budget))
      this.budget -= data.length
      this.unsent = this.unsent.subarray(data.length)
      sendData(this.id, Stream.STDOUT, data)
    }
    return this.unsent.length === 0
  }

  sendStarted(answer) {
    this.hasStarted = true
    sendJson(Kind.STARTED, this.id, answer)
  }

  /**
   * Runs an action with the rights of the programs. When the operation has started, all its files
   * are open, and a change of the user for each step would take long.
   */
  withRights(action) {
    return this.hasStarted ? action() : asNobody(action)
  }
}

/** A `write` request: gives the operation the bytes that the host sends. */
class FileWrite extends FileRequest {
  begin() {
    this.sendStarted(this.withRights(() => this.steps.next().value))
  }

  data(data) {
    this.steps.next(data)
    sendCredit(this.id, data.length)
  }

  eof() {
    this.steps.next()
    finish(this.id, {})
  }

  credit() {}
}

module.exports = { FileRequest, FileWrite }
