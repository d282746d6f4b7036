// Checks the fields of a request. Runs in the agent.

const { failure } = require('./failure.cjs')
const { PERMISSIONS } = require('./file-system.cjs')

const isText = (value) => typeof value === 'string'
const isTexts = (value) => Array.isArray(value) && value.every(isText)
const isObject = (value) => Object.prototype.toString.call(value) === '[object Object]'
const isBoolean = (value) => typeof value === 'boolean'
const isTime = (value) => Number.isFinite(value) && value >= 0
const isCount = (value) => Number.isSafeInteger(value) && value >= 0

/** The test of each field, in every request. */
const FIELDS = Object.entries({
  code: isText,
  context: (value) => isText(value) && value !== '',
  call: (value) =>
    isObject(value) && isText(value.entry) && Array.isArray(value.args) && isObject(value.kwargs),
  argv: (value) => isTexts(value) && value.length > 0,
  args: isTexts,
  cwd: isText,
  env: (value) => isObject(value) && isTexts(Object.values(value)),
  path: isText,
  paths: isTexts,
  entries: Array.isArray,
  to: isText,
  offset: isCount,
  length: isCount,
  mode: (value) => isCount(value) && value <= PERMISSIONS,
  mtimeMs: isTime,
  timeoutMs: isTime,
  atomic: isBoolean,
  recursive: isBoolean,
})
const REQUIRED = {
  run: ['code'],
  open: ['context'],
  exec: ['argv'],
  move: ['path', 'to'],
  place: ['path', 'mode'],
  pack: ['paths'],
  unpack: ['entries'],
}

function checkFields(request) {
  const required = REQUIRED[request.op] ?? ['path']
  for (const [name, isValid] of FIELDS) {
    const value = request[name]
    if (value === undefined ? required.includes(name) : !isValid(value)) {
      throw failure('EINVAL', `${name} is missing, or not what it should be`)
    }
  }
}

module.exports = { checkFields }
