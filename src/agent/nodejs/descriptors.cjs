// Reads and writes descriptors without waiting for the event loop. Runs in the agent.

const fs = require('node:fs')

/** Writes all of the data, and blocks until that is done. */
function writeAll(fd, data) {
  for (let sent = 0; sent < data.length;) {
    try {
      sent += fs.writeSync(fd, data, sent)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

/** Reads the available bytes: `null` if there are none yet, an empty buffer at the end. */
function readAvailable(fd, size) {
  const chunk = Buffer.allocUnsafe(size)
  try {
    return chunk.subarray(0, fs.readSync(fd, chunk))
  } catch (error) {
    if (error.code === 'EAGAIN') return null
    throw error
  }
}

module.exports = { readAvailable, writeAll }
