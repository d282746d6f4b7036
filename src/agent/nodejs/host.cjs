// The connection to the host: frames come on stdin. The agent ends with it. Runs in the agent.

const net = require('node:net')
const { FrameReader } = require('./frame-reader.cjs')
const { CHUNK } = require('./protocol.cjs')

/** The agent exits after this time without a frame: the host pings more often. */
const SILENCE_MS = 90_000

/** Calls a function with each frame of the host: kind, id and payload. */
function listenToHost(onFrame) {
  const reader = new FrameReader(onFrame)
  let heardAt = performance.now()
  const receive = (size, buffer) => {
    heardAt = performance.now()
    reader.receive(buffer.subarray(0, size))
    return true
  }
  const onread = { buffer: Buffer.allocUnsafe(CHUNK), callback: receive }
  new net.Socket({ fd: 0, readable: true, writable: false, onread })
    .on('end', () => process.exit(0))
    .on('error', () => process.exit(0))

  // A host that sends nothing is gone, although its socket is not. The check follows the reading of
  // all bytes that have arrived: a container that was frozen has received nothing meanwhile.
  const exitIfSilent = () => performance.now() - heardAt > SILENCE_MS && process.exit(0)
  setInterval(() => setImmediate(exitIfSilent), SILENCE_MS / 3)
}

module.exports = { listenToHost }
