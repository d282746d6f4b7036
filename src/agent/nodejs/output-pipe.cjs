// The pipe from the stdout or stderr of a program. Runs in the agent.

const { readAvailable } = require('./descriptors.cjs')
const { CHUNK, WINDOW, sendData } = require('./protocol.cjs')

/** When a program has ended, at most this much of each of its pipes is still sent. */
const TAIL_LIMIT = 16 * CHUNK

/** Sends the output of a program to the host, as far as the credit of the host allows. */
class OutputPipe {
  queue = []
  budget = WINDOW
  receivedBytes = 0
  sentBytes = 0
  /** Whether the program has ended: nothing more is read. */
  isClosed = false
  /** Whether everything is sent, too. */
  isFinished = false

  /** If the id is `null`, the data waits until the pipe belongs to a request. */
  constructor(id, stream, socket) {
    this.id = id
    this.stream = stream
    this.socket = socket
    socket.on('data', (data) => {
      this.receive(data)
      this.pump()
    })
    socket.resume()
  }

  /** Is called with all data that is received. */
  onData() {}

  receive(data) {
    this.queue.push(data)
    this.receivedBytes += data.length
    this.onData(data)
  }

  grant(amount) {
    this.budget += amount
    this.pump()
  }

  /** Makes the pipe that of another request, with all of its credit, or of no request. */
  assign(id) {
    this.id = id
    this.budget = WINDOW
    this.pump()
  }

  /** Sends as much as the credit allows. */
  pump() {
    while (this.id !== null && this.queue.length > 0 && this.budget > 0) {
      const data = this.queue[0].subarray(0, Math.min(CHUNK, this.budget))
      this.budget -= data.length
      this.sentBytes += data.length
      sendData(this.id, this.stream, data)
      if (data.length === this.queue[0].length) this.queue.shift()
      else this.queue[0] = this.queue[0].subarray(data.length)
    }
    this.updateReading(this.id !== null && this.queue.length === 0)
  }

  /** Reads on if everything that was received is sent. */
  updateReading(isEmpty) {
    this.isFinished = this.isClosed && (isEmpty || this.id === null)
    if (this.isClosed) return
    if (isEmpty) this.socket.resume()
    else this.socket.pause()
  }

  /** Receives the bytes in the pipe. Returns the number of all bytes that were ever received. */
  drain() {
    const fd = this.socket._handle?.fd ?? -1
    const limit = fd >= 0 ? TAIL_LIMIT : 0
    this.socket.pause()
    this.socket.read() // the buffered data goes to the listener
    for (let size = 0; size < limit;) {
      const data = readAvailable(fd, CHUNK)
      if (!data?.length) break
      this.receive(data)
      size += data.length
    }
    this.pump()
    return this.receivedBytes
  }

  /** Closes the pipe of a program that has ended. Later output of its descendants is not sent. */
  close() {
    this.drain()
    this.socket.removeAllListeners('data')
    this.socket.destroy()
    this.isClosed = true
    this.pump()
  }
}

module.exports = { OutputPipe }
