// The results of a program: the values that it displays, and the value of its last expression. Runs
// in the processes that run programs.

const util = require('node:util')
const { attempt } = require('./attempt.cjs')
const { RECORD } = require('./child-protocol.cjs')
const { Array, ArrayBuffer, Buffer, Object, Promise, parse, stringify } = require('./globals.cjs')
const { sendMessage } = require('./messages.cjs')
const { shorten } = require('./shorten.cjs')
const { UNREADABLE, withTrimmedStack } = require('./thrown.cjs')

const LONGEST_PART = 3 * 1024 * 1024
const LONGEST_RECORD = 4 * 1024 * 1024
/** The bytes of a record that are not in its parts and notes: an upper bound. */
const RECORD_OVERHEAD = 1000
const LONGEST_NOTE = 1000
/** What Node shows of a string in an object, and what we show of an object. */
const LONGEST_STRING = 10_000
const LONGEST_INSPECTION = 4_000_000
const MOST_NAMES = 10_000
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

/** Shows the value of the last expression, and never throws. */
function showLast(value) {
  if (value !== undefined) return show(value, true)
}

/** Sends a result; `isMain` is whether it is the value of the last expression. */
function show(value, isMain) {
  const notes = []
  const found = tryTo('display()', notes, () => representationsOf(value))
  if (!util.types.isPromise(found)) return sendResult(value, found, isMain, notes)
  return showLater(value, found, isMain, notes)
}

async function showLater(value, promise, isMain, notes) {
  let found
  try {
    found = await promise
  } catch (error) {
    addNote('display()', notes, error)
  }
  sendResult(value, found, isMain, notes)
}

/** The value of an action, or `undefined` if it throws: then there is a note. */
function tryTo(name, notes, action) {
  try {
    return action()
  } catch (error) {
    addNote(name, notes, error)
    return undefined
  }
}

function addNote(name, notes, error) {
  const isError = util.types.isNativeError(error)
  const line = attempt(() => (isError ? `${error.name}: ${error.message}` : util.inspect(error)))
  notes.push(`${name} failed: ${shorten(line ?? UNREADABLE, 0, LONGEST_NOTE)}`)
}

/** The representations of a value by MIME type, or a promise of them. There may be none. */
function representationsOf(value) {
  if (typeof value === 'string') return SVG_DOCUMENT.test(value) ? { 'image/svg+xml': value } : {}
  if (typeof value !== 'object' || value === null) return {}
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return {} // it may have too many keys
  const method = METHODS.find((symbol) => typeof value[symbol] === 'function')
  if (method) return value[method]()
  const types = Object.keys(value)
  return types.length > 0 && types.every((type) => MIME_TYPE.test(type)) ? value : {}
}

function sendResult(value, representations, isMain, notes) {
  const parts = {}
  const sizes = {}
  const omitted = []
  for (const [type, name] of Object.entries(FIELDS)) {
    tryTo(name, notes, () => {
      const part = encode(representations?.[type], name)
      const isLong = typeof part === 'string' && part.length > LONGEST_PART && name !== 'text'
      if (isLong) omitted.push(name)
      else if (part !== undefined) [parts[name], sizes[name]] = [part, sizeOf(part)]
    })
  }
  parts.text = shorten(parts.text ?? textOf(value, notes))
  sizes.text = sizeOf(parts.text)
  omitted.push(...omitLargest(parts, sizes, sizeOf(notes)))
  const lists = Object.entries({ omitted, notes }).filter(([, list]) => list.length > 0)
  sendMessage(RECORD, { type: 'result', isMain, ...parts, ...Object.fromEntries(lists) })
}

function textOf(value, notes) {
  const text = tryTo('util.inspect()', notes, () => withTrimmedStack(value, () => inspect(value)))
  if (typeof text === 'string') return text
  const type = attempt(() => `${value.constructor.name}`) ?? typeof value
  return `<${notes.at(-1).replace('()', ` of ${shorten(type, 0, 100)}`)}>`
}

/** Inspects a value, but of a huge object only a part. Node itself limits arrays and strings. */
function inspect(value) {
  const isOrdinary = typeof value === 'object' && value !== null && !Array.isArray(value)
  const isLimited = !isOrdinary || ArrayBuffer.isView(value) || value[util.inspect.custom]
  const names = isLimited ? [] : Object.keys(value)
  if (names.length * LONGEST_STRING < LONGEST_INSPECTION) return util.inspect(value)
  const shown = Object.create(Object.getPrototypeOf(value))
  for (const name of names.slice(0, MOST_NAMES)) {
    Object.defineProperty(shown, name, Object.getOwnPropertyDescriptor(value, name))
  }
  const maxStringLength = LONGEST_INSPECTION / Object.keys(shown).length
  const rest = names.length > MOST_NAMES ? `\n[${names.length - MOST_NAMES} more properties]` : ''
  return util.inspect(shown, { maxStringLength }) + rest
}

/** A representation as a record has it: bytes are base64. JSON is a copy, without code. */
function encode(part, name) {
  if (name === 'json') {
    const text = stringify(part)
    return text && parse(text)
  }
  if (typeof part === 'string') return part
  return util.types.isUint8Array(part) ? Buffer.from(part).toString('base64') : undefined
}

const sizeOf = (part) => Buffer.byteLength(stringify(part))

/** Deletes the largest parts until the rest fits into a record. Returns their names. */
function omitLargest(parts, sizes, notesSize) {
  const names = Object.keys(sizes).sort((one, other) => sizes[one] - sizes[other])
  const omitted = []
  let sum = RECORD_OVERHEAD + notesSize + names.reduce((total, name) => total + sizes[name], 0)
  while (sizes[names.at(-1)] > LONGEST_PART || sum > LONGEST_RECORD) {
    const name = names.pop()
    sum -= sizes[name]
    delete parts[name]
    omitted.push(name)
  }
  return omitted
}

module.exports = { display, showLast, showValue }
