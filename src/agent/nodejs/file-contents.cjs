// Reads an open file. Runs in the agent.

const fs = require('node:fs')
const { describe } = require('./file-system.cjs')
const { CHUNK } = require('./protocol.cjs')

/** Yields the properties of the file, and then its bytes in chunks. */
function* contents(fd, offset = 0, length = Infinity) {
  yield describe(fs.fstatSync(fd))
  const chunk = Buffer.allocUnsafe(CHUNK) // it is sent before the next part is read
  for (let from = offset; from < offset + length;) {
    const count = fs.readSync(fd, chunk, 0, Math.min(CHUNK, offset + length - from), from)
    if (count === 0) return
    from += count
    yield chunk.subarray(0, count)
  }
}

module.exports = { contents }
