// Cuts the bytes from the host into frames. Runs in the agent.

const { CHUNK, HEADER_SIZE, MAX_FRAME } = require('./protocol.cjs')

const BUFFER_SIZE = 3 * CHUNK

class FrameReader {
  /** The bytes that have been received and are not a whole frame yet. */
  buffer = Buffer.allocUnsafe(BUFFER_SIZE)
  length = 0

  constructor(onFrame) {
    this.onFrame = onFrame
  }

  receive(data) {
    this.length += data.copy(this.buffer, this.length)
    let start = 0
    for (let size = this.sizeAt(0); size <= this.length - start; size = this.sizeAt(start)) {
      const { buffer } = this
      const payload = buffer.subarray(start + HEADER_SIZE, start + size)
      this.onFrame(buffer[start], buffer.readUInt32BE(start + 1), payload)
      start += size
    }
    this.buffer.copyWithin(0, start, this.length)
    this.length -= start
    this.makeRoom(this.sizeAt(0) + CHUNK)
  }

  /** The size of the frame that begins there, or of a header if the header is not complete. */
  sizeAt(start) {
    if (this.length - start < HEADER_SIZE) return HEADER_SIZE
    const length = this.buffer.readUInt32BE(start + 5)
    if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`)
    return HEADER_SIZE + length
  }

  /** Makes room for the rest of a frame and one more chunk. A long request gets a longer buffer. */
  makeRoom(size) {
    const needed = Math.max(size, BUFFER_SIZE)
    if (this.buffer.length === needed) return
    const next = Buffer.allocUnsafe(needed)
    this.buffer.copy(next, 0, 0, this.length)
    this.buffer = next
  }
}

module.exports = { FrameReader }
