// The pipe to the stdin of a program. Runs in the agent.

const { sendCredit } = require('./protocol.cjs')
const { requests } = require('./requests.cjs')

/** Writes the bytes that the host sends, and gives the host credit as the program reads. */
class StdinPipe {
  constructor(id, socket) {
    this.id = id
    this.socket = socket
  }

  write(data) {
    // If the program has closed its stdin, the write fails at once and the host gets its credit.
    this.socket.write(
      Buffer.from(data),
      () => requests.has(this.id) && sendCredit(this.id, data.length),
    )
  }

  end() {
    this.socket.end()
  }

  destroy() {
    this.socket.destroy()
  }
}

module.exports = { StdinPipe }
