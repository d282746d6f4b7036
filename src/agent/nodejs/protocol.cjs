// The frames that the agent and the host exchange, and how the agent sends them; `protocol.md`
// describes them. Runs in the agent.

const { writeAll } = require('./descriptors.cjs')

const VERSION = 4
const Kind = {
  HELLO: 1,
  REQUEST: 2,
  DATA: 3,
  EOF: 4,
  CREDIT: 5,
  SIGNAL: 6,
  DONE: 7,
  PING: 8,
  STARTED: 9,
  BUNDLE: 10,
  CODE_CACHE: 11,
}
const Stream = { STDIN: 0, STDOUT: 1, STDERR: 2, RECORDS: 3 }
const HEADER_SIZE = 9
const CHUNK = 65536
const WINDOW = 4 * CHUNK
const MAX_FRAME = 16 * 1024 * 1024

// All frames are put together in one buffer. A new buffer for each frame would be collected late,
// and would count against the memory of the container until then.
const outgoing = Buffer.allocUnsafe(HEADER_SIZE + 1 + CHUNK)

function send(kind, id, ...parts) {
  let size = HEADER_SIZE
  for (const part of parts) size += part.copy(outgoing, size)
  putHeader(outgoing, kind, id, size - HEADER_SIZE)
  writeAll(1, outgoing.subarray(0, size))
}

function sendJson(kind, id, value) {
  send(kind, id, Buffer.from(JSON.stringify(value)))
}

const STREAM_NUMBERS = Object.values(Stream).map((stream) => Buffer.of(stream))

function sendData(id, stream, data) {
  send(Kind.DATA, id, STREAM_NUMBERS[stream], data)
}

/** Allows the host to send more bytes of stdin. */
function sendCredit(id, amount) {
  const payload = Buffer.of(Stream.STDIN, 0, 0, 0, 0)
  payload.writeUInt32BE(amount, 1)
  send(Kind.CREDIT, id, payload)
}

/** A frame of the bundle, which a loader reads. */
function encodeBundle(...parts) {
  const frame = Buffer.concat([Buffer.alloc(HEADER_SIZE), ...parts])
  putHeader(frame, Kind.BUNDLE, 0, frame.length - HEADER_SIZE)
  return frame
}

function putHeader(frame, kind, id, length) {
  frame[0] = kind
  frame.writeUInt32BE(id, 1)
  frame.writeUInt32BE(length, 5)
}

module.exports = {
  CHUNK,
  HEADER_SIZE,
  Kind,
  MAX_FRAME,
  Stream,
  VERSION,
  WINDOW,
  encodeBundle,
  send,
  sendCredit,
  sendData,
  sendJson,
}
