// Gives each frame from the host to its request, and starts new requests. Runs in the agent.

const { failure } = require('./failure.cjs')
const { FILE_OPERATIONS } = require('./file-operations.cjs')
const { FileRequest, FileWrite } = require('./file-requests.cjs')
const { PROGRAM_OPERATIONS } = require('./program-operations.cjs')
const { Kind, send } = require('./protocol.cjs')
const { checkFields } = require('./request-fields.cjs')
const { attempt, requests } = require('./requests.cjs')

/** Handles a frame. Its payload is a view of a buffer that is used again: to keep it, copy it. */
function dispatch(kind, id, payload) {
  attempt(id, () => handle(kind, id, payload))
}

function handle(kind, id, payload) {
  if (kind === Kind.PING) return send(Kind.PING, id, payload)
  if (kind === Kind.REQUEST) return begin(id, JSON.parse(payload))
  const request = requests.get(id) // none if it ended while the frame was on its way
  if (kind === Kind.DATA) request?.data(payload.subarray(1))
  else if (kind === Kind.EOF) request?.eof()
  else if (kind === Kind.CREDIT) request?.credit(payload[0], payload.readUInt32BE(1))
  else if (kind === Kind.SIGNAL) {
    const name = payload.toString()
    if (isSignal(name)) request?.signal(name)
  }
}

function begin(id, request) {
  const isProgram = Object.hasOwn(PROGRAM_OPERATIONS, request?.op)
  if (!isProgram && !Object.hasOwn(FILE_OPERATIONS, request?.op)) {
    throw failure('EINVAL', 'no such request')
  }
  checkFields(request)
  if (isProgram) return PROGRAM_OPERATIONS[request.op](id, request)
  const steps = FILE_OPERATIONS[request.op](request)
  const isWrite = request.op === 'write' || request.op === 'place'
  const file = isWrite ? new FileWrite(id, steps) : new FileRequest(id, steps)
  requests.set(id, file)
  file.begin()
}

/** Few requests get a signal, and `node:os` takes 1 ms to load. */
const isSignal = (name) => Object.hasOwn(require('node:os').constants.signals, name)

module.exports = { dispatch }
