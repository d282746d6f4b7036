// File requests under way: the steps of files.cjs, in turns with everything else

const TURN_MS = 5

class FileJob {
  constructor(id, steps) {
    Object.assign(this, { id, steps, hasStarted: false })
  }

  /** With nobody's rights. Once all is open that it needs, a switch each time would be dear. */
  asItself(action) {
    return this.hasStarted ? action() : asNobody(action)
  }

  started(answer) {
    this.hasStarted = true
    send(STARTED, this.id, json(answer))
  }

  signal() {
    throw failure('ECANCELED', 'the host stopped it')
  }

  /** It ends where it is: its `finally` leaves nothing open, nor anything half done. */
  close() {
    this.asItself(() => this.steps.return())
  }

  data() {}

  eof() {}

  credit() {}
}

/** What it yields is on its way to the host, as far as the host's credit goes. */
class Giving extends FileJob {
  budget = WINDOW
  rest = NOTHING
  nextTurn = null

  begin() {
    this.turn()
  }

  credit(_channel, amount) {
    this.budget += amount
    if (!this.nextTurn) this.turn()
  }

  turn() {
    this.nextTurn = null
    attempt(this.id, () => this.asItself(() => this.work()))
  }

  work() {
    for (const end = performance.now() + TURN_MS; performance.now() < end;) {
      if (!this.flush()) return // until there is credit
      const { value, done: isOver } = this.steps.next()
      if (isOver) return done(this.id, {})
      if (Buffer.isBuffer(value)) this.rest = value
      else if (value) this.started(value)
    }
    this.nextTurn = setImmediate(() => this.turn())
  }

  /** Whether all is sent that was yielded. */
  flush() {
    while (this.rest.length > 0 && this.budget > 0) {
      const data = this.rest.subarray(0, Math.min(CHUNK, this.budget))
      this.budget -= data.length
      this.rest = this.rest.subarray(data.length)
      sendData(this.id, STDOUT, data)
    }
    return this.rest.length === 0
  }

  close() {
    clearImmediate(this.nextTurn)
    super.close()
  }
}

/** It gets what the host sends, as it comes. */
class Taking extends FileJob {
  begin() {
    this.started(this.asItself(() => this.steps.next().value))
  }

  data(data) {
    this.steps.next(data)
    sendCredit(this.id, data.length)
  }

  eof() {
    this.steps.next()
    done(this.id, {})
  }
}
