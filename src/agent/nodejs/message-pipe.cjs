// The pipe from descriptor 3 of a process that runs programs, on which the runner sends messages.
// Runs in the agent. The program can write there as well: nothing in a message is trusted, and the
// agent waits for none.

const { END, FAILED, READY, RECORD } = require('./child-protocol.cjs')
const { OutputPipe } = require('./output-pipe.cjs')
const { CHUNK, Stream, sendData } = require('./protocol.cjs')

/** A message begins with a letter and 4 bytes of length. */
const TAG_SIZE = 5
const LONGEST_MESSAGE = { [RECORD]: 4 * 1024 * 1024, [END]: 1000, [READY]: 1000, [FAILED]: 8000 }
const ACKNOWLEDGEMENT = Buffer.of(1)
const NOTHING = Buffer.alloc(0)

/**
 * Sends records to the host, as far as its credit allows, and gives other messages to a callback.
 */
class MessagePipe extends OutputPipe {
  unparsed = NOTHING
  /** How many bytes of a record are still to be sent. */
  recordRest = 0
  /** The pipes of the output of the same program. */
  outputs = []
  /** How much output there was when the program sent the message that is next. */
  outputMarks = null
  needsData = true
  onMessage = () => {}

  constructor(socket) {
    super(null, Stream.RECORDS, socket)
    socket.on('error', () => {}) // a killed process: its exit is handled
  }

  /**
   * Makes the records those of a request, in the order in which they and the output were written.
   */
  follow(id, ...outputs) {
    this.id = id
    this.outputs = outputs
    return this
  }

  receive(data) {
    this.unparsed = Buffer.concat([this.unparsed, data])
  }

  pump() {
    while (this.handleNext());
    this.updateReading(this.needsData)
  }

  /** Handles one message, or a part of a record. Returns whether there may be more to do. */
  handleNext() {
    this.needsData = this.unparsed.length < (this.recordRest > 0 ? 1 : TAG_SIZE)
    if (this.needsData) return false
    if (this.recordRest > 0) return this.sendRecordPart()
    const tag = String.fromCharCode(this.unparsed[0])
    const length = this.unparsed.readUInt32BE(1)
    if (!(length <= LONGEST_MESSAGE[tag])) return this.reject()
    if ((tag === RECORD || tag === END) && !this.isOutputSent()) return false
    if (tag === RECORD) {
      this.unparsed = this.unparsed.subarray(1) // the host gets the length, too
      this.recordRest = TAG_SIZE - 1 + length
      return true
    }
    this.needsData = this.unparsed.length < TAG_SIZE + length
    if (this.needsData) return false
    this.outputMarks = null
    const message = this.unparsed.subarray(TAG_SIZE, TAG_SIZE + length)
    this.unparsed = this.unparsed.subarray(TAG_SIZE + length)
    try {
      this.onMessage(tag, { ...JSON.parse(message) })
    } catch {
      return this.reject()
    }
    return true
  }

  /** Whether all output is sent that the program had written before it sent the next message. */
  isOutputSent() {
    if (this.id === null) return false
    this.outputMarks ??= this.outputs.map((output) => output.drain())
    return this.outputs.every((output, index) => output.sentBytes >= this.outputMarks[index])
  }

  sendRecordPart() {
    const size = Math.min(CHUNK, this.budget, this.recordRest, this.unparsed.length)
    if (size === 0) return false
    sendData(this.id, this.stream, this.unparsed.subarray(0, size))
    this.unparsed = this.unparsed.subarray(size)
    this.budget -= size
    this.recordRest -= size
    if (this.recordRest > 0) return true
    this.outputMarks = null
    if (this.socket.writableNeedDrain) return this.reject() // it reads no acknowledgement
    if (!this.isClosed) this.socket.write(ACKNOWLEDGEMENT)
    return true
  }

  /** Reads no more of a process that does not keep to the form of the messages. */
  reject() {
    this.socket.destroy()
    this.unparsed = NOTHING
    this.needsData = true
    return false
  }
}

module.exports = { MessagePipe }
