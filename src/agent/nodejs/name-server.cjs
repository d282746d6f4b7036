// Answers lookups of localhost and of the container's own name. Runs in the agent. Without a network,
// the engine gives the container neither a hosts file nor a name server. The C library then asks port
// 53 of 127.0.0.1.

const fs = require('node:fs')

const RESOLVER_FILE = '/etc/resolv.conf'
const HEADER = 12
/** The flags of answers. An unknown name is a failure of the server. */
const OK = [0x85, 0x80]
const UNKNOWN = [0x81, 0x82]
/** Records by type: the name of the question, type, class, time, and an address with its length. */
const RECORDS = {
  1: [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1],
  28: [0xc0, 0x0c, 0, 28, 0, 1, 0, 0, 0, 0, 0, 16, ...new Uint8Array(15), 1],
}

/** Serves the lookups of programs, if the container has no other name server. */
function serveNames() {
  if (fs.statSync(RESOLVER_FILE, { throwIfNoEntry: false })?.size > 0) return
  const names = ['localhost', require('node:os').hostname().toLowerCase()]
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('error', () => {}) // this engine does not permit it
  socket.on('message', (query, { address, port }) => {
    const answer = answerTo(query, names)
    if (answer) socket.send(answer, port, address, () => {})
  })
  socket.bind(53, '127.0.0.1')
}

/** The answer to a query, or `undefined` if this is not a query. */
function answerTo(query, names) {
  const labels = []
  let at = HEADER
  for (; query[at] > 0; at += 1 + query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]).toLowerCase())
  }
  if (at + 5 > query.length || query[2] & 0x80) return undefined
  const isKnown = names.includes(labels.join('.')) || labels.at(-1) === 'localhost'
  const record = (isKnown && RECORDS[query.readUInt16BE(at + 1)]) || []
  const counts = [0, 1, 0, record.length > 0 ? 1 : 0, 0, 0, 0, 0]
  return Buffer.from([
    ...query.subarray(0, 2),
    ...(isKnown ? OK : UNKNOWN),
    ...counts,
    ...query.subarray(HEADER, at + 5),
    ...record,
  ])
}

module.exports = { serveNames }
