// The results of a program: the values that it displays, and the value of its last expression. Runs
// in the processes that run programs.

const util = require('node:util')
const { attempt } = require('./attempt.cjs')
const { RECORD } = require('./child-protocol.cjs')
const { Buffer, Object, Promise, stringify } = require('./globals.cjs')
const { sendMessage } = require('./messages.cjs')
const { shorten } = require('./shorten.cjs')
const { inspect } = require('./thrown.cjs')

const LONGEST_PART = 3 * 1024 * 1024
const LONGEST_RECORD = 4 * 1024 * 1024
/** The bytes of a record that are not in its parts: an upper bound. */
const RECORD_OVERHEAD = 1000
/** The fields of a record, by MIME type. */
const FIELDS = {
  'text/plain': 'text',
  'text/html': 'html',
  'text/markdown': 'markdown',
  'image/svg+xml': 'svg',
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'text/latex': 'latex',
  'application/json': 'json',
}
/** The names of a method that returns the representations of its object. */
const METHODS = [Symbol.for('Jupyter.display'), Symbol.for('nodejs.rich')]
const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+$/
const SVG_DOCUMENT = /^\s*(?:<\?xml[^>]*>\s*)?<svg[\s>][^]*<\/svg>\s*$/

/** The global of that name. Returns a promise if a value has asynchronous representations. */
function display(...values) {
  const pending = values.map((value) => show(value, false)).filter(util.types.isPromise)
  return pending.length > 0 ? whenAll(pending) : undefined
}

async function whenAll(promises) {
  await Promise.all(promises)
}

/** Shows the value of the last expression, or what its promise is fulfilled with. */
function showValue(value) {
  return util.types.isPromise(value) ? void value.then(showLast) : showLast(value)
}

/** Shows the value of the last expression. */
function showLast(value) {
  if (value !== undefined) return show(value, true)
}

/** Sends a result; `isMain` is whether it is the value of the last expression. */
function show(value, isMain) {
  const found = representationsOf(value)
  if (!util.types.isPromise(found)) return sendResult(value, found, isMain)
  return found.catch(() => {}).then((representations) => sendResult(value, representations, isMain))
}

/** The representations of a value by MIME type, or a promise of them. There may be none. */
function representationsOf(value) {
  if (typeof value === 'string') return SVG_DOCUMENT.test(value) ? { 'image/svg+xml': value } : {}
  if (typeof value !== 'object' || value === null) return {}
  return attempt(() => {
    const method = METHODS.find((symbol) => typeof value[symbol] === 'function')
    if (method) return value[method]()
    const types = Object.keys(value)
    return types.length > 0 && types.every((type) => MIME_TYPE.test(type)) ? value : {}
  })
}

function sendResult(value, representations, isMain) {
  const parts = {}
  const sizes = {}
  for (const [type, name] of Object.entries(FIELDS)) {
    const part = attempt(() => encode(representations?.[type], name))
    const size = attempt(() => Buffer.byteLength(stringify(part)))
    if (size) [parts[name], sizes[name]] = [part, size]
  }
  parts.text = shorten(parts.text ?? inspect(value))
  const omitted = omitLargest(parts, sizes)
  sendMessage(RECORD, { type: 'result', isMain, ...parts, ...(omitted.length > 0 && { omitted }) })
}

/** A representation as a record has it: bytes are base64. */
function encode(part, name) {
  if (name === 'json' || typeof part === 'string') return part
  return util.types.isUint8Array(part) ? Buffer.from(part).toString('base64') : undefined
}

/** Deletes the largest parts until the rest fits into a record. Returns their names. */
function omitLargest(parts, sizes) {
  sizes.text = Buffer.byteLength(stringify(parts.text))
  const names = Object.keys(sizes).sort((one, other) => sizes[one] - sizes[other])
  const omitted = []
  let sum = RECORD_OVERHEAD + names.reduce((total, name) => total + sizes[name], 0)
  while (sizes[names.at(-1)] > LONGEST_PART || sum > LONGEST_RECORD) {
    const name = names.pop()
    sum -= sizes[name]
    delete parts[name]
    omitted.push(name)
  }
  return omitted
}

module.exports = { display, showLast, showValue }
