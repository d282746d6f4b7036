// Sends messages to the agent on descriptor 3: records and the state of the process. Runs in the
// processes that run programs.

const { readSync, writevSync } = require('node:fs')
const { MESSAGES, RECORD } = require('./child-protocol.cjs')
const { Buffer, stringify } = require('./globals.cjs')

let unsent = Buffer.alloc(0)
/** How many bytes of it are sent all the same. */
let sent = 0
let unacknowledged = 0

/** Sends a message. A record blocks, as output does, until the agent has passed it on. */
function sendMessage(tag, message) {
  const payload = Buffer.from(stringify(message))
  const header = Buffer.from(`${tag}    `)
  header.writeUInt32BE(payload.length, 1)
  unsent = Buffer.concat([unsent.subarray(sent), header, payload])
  sent = 0
  if (tag === RECORD) unacknowledged += 1
  try {
    sendUnsent()
  } catch {
    // The program has closed the descriptor.
  }
}

/**
 * An interrupt may end this at any call of a function: the next message continues there. These two
 * functions of Node call none after their system call, so that its result is always counted.
 */
function sendUnsent() {
  while (sent < unsent.length) sent += writevSync(MESSAGES, [unsent.subarray(sent)])
  while (unacknowledged > 0) unacknowledged -= readSync(MESSAGES, Buffer.alloc(1)) || Infinity
}

module.exports = { sendMessage }
