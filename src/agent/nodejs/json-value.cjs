// Makes the value of a call into a value that JSON has. Runs in the processes that run programs.

const util = require('node:util')
const { Array, ArrayBuffer, Buffer, Map, Number, Object, stringify } = require('./globals.cjs')
const { Refusal } = require('./refusal.cjs')

const MOST_LEVELS = 200
/** The objects that are refused: a test of `util.types`, and the words for it. */
const REFUSED = {
  isPromise: 'a promise',
  isNativeError: 'an error',
  isRegExp: 'a regular expression',
  isWeakMap: 'a WeakMap',
  isWeakSet: 'a WeakSet',
  isGeneratorObject: 'a generator',
  isMapIterator: 'an iterator',
  isSetIterator: 'an iterator',
  isDataView: 'a DataView',
}

/**
 * The value for JSON. `place` is its place in the whole value, `above` are the values around it.
 */
function simplify(value, place, above) {
  const refuse = (what) => {
    const where = place && ` at ${place}`
    throw new Refusal('value', `the value${where} is ${what}, which JSON does not have`)
  }
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : refuse(`${value}`)
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : refuse('an integer beyond 2**53 - 1')
  }
  if (typeof value !== 'object') return refuse(withArticle(typeof value))
  if (above.includes(value)) return refuse('part of itself')
  if (above.length >= MOST_LEVELS) return refuse(`more than ${MOST_LEVELS} levels deep`)
  const kind = Object.keys(REFUSED).find((test) => util.types[test](value))
  if (kind) return refuse(REFUSED[kind])
  if (value instanceof WeakRef) return refuse('a WeakRef')
  if (util.types.isDate(value) && Number.isNaN(value.getTime())) return refuse('an invalid date')
  if (util.types.isUint8Array(value) || util.types.isAnyArrayBuffer(value)) {
    return Buffer.from(value).toString('base64')
  }
  if (util.types.isBoxedPrimitive(value)) return simplify(value.valueOf(), place, above)
  const within = [...above, value]
  if (typeof value.toJSON === 'function') return simplify(value.toJSON(), place, within)
  if (Array.isArray(value) || util.types.isSet(value) || ArrayBuffer.isView(value)) {
    return Array.from(value, (item, index) => simplify(item, `${place}[${index}]`, within))
  }
  return simplifyEntries(value, place, within, refuse)
}

function simplifyEntries(value, place, within, refuse) {
  const isMap = util.types.isMap(value)
  const simple = new Map()
  for (const [key, item] of isMap ? value : Object.entries(value)) {
    if (typeof key !== 'string' && !Number.isInteger(key)) return refuse('a Map with such keys')
    const name = `${key}`
    if (simple.has(name)) return refuse('a Map with two keys of the same name')
    if (item === undefined && !isMap) continue
    const step = /^[\w$]+$/.test(name) ? `.${name}` : `[${stringify(name)}]`
    simple.set(name, simplify(item, place + step, within))
  }
  return Object.fromEntries(simple)
}

const withArticle = (noun) => (/^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`)

module.exports = { simplify, withArticle }
