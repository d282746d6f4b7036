// A call: the entry it names, and what that gives, as JSON

const MOST_LEVELS = 200
const LONGEST_VALUE = 4 * 1024 * 1024 - 100

/** Why there is no value: for the host to say, not for stderr. */
class Refusal extends Error {
  constructor(reason, message) {
    super(message)
    this.reason = reason
  }
}

/** Calls it with what the code has left; `modules` are where it may be, besides a name of its own. */
async function callEntry({ entry, args, kwargs }, modules) {
  try {
    const named = Object.keys(kwargs).length > 0 ? [kwargs] : []
    const value = await collected(await entryOf(entry, modules)(...args, ...named))
    const simple = simplify(value, '', [])
    if (Buffer.byteLength(stringify(simple)) > LONGEST_VALUE) {
      throw new Refusal('value', 'the value is longer than 4 MiB of JSON')
    }
    tell('r', { type: 'value', value: simple })
  } catch (error) {
    if (!isOf(Refusal, error)) throw error
    tell('r', { type: 'refusal', reason: error.reason, message: error.message })
    process.exitCode = 1
  }
}

function entryOf(name, modules) {
  const module = modules.find((each) => Object.hasOwn(each ?? {}, name))
  const isWhole = name === 'main' && typeof modules.at(-1) === 'function'
  const found = module?.[name] ?? (isWhole ? modules.at(-1) : topLevel(name))
  if (found === undefined) throw new Refusal('entry', `there is no '${name}'`)
  if (typeof found === 'function') return found
  throw new Refusal('entry', `'${name}' is ${withArticle(typeof found)}, not a function`)
}

function topLevel(name) {
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name)) return undefined
  return attempt(() => vm.runInThisContext(`typeof ${name} === 'undefined' ? undefined : ${name}`))
}

const withArticle = (noun) => (/^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`)

/** A generator, asynchronous or not, is run to its end. */
async function collected(value) {
  if (!util.types.isGeneratorObject(value)) return value
  const items = []
  for await (const item of value) items.push(item)
  return items
}

const KINDS = {
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

/** The same of what JSON has. `above` is what holds it. */
function simplify(value, at, above) {
  const refuse = (what) => {
    const place = at && ` at ${at}`
    throw new Refusal('value', `the value${place} is ${what}, which JSON does not have`)
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
  const kind = Object.keys(KINDS).find((test) => util.types[test](value))
  if (kind) return refuse(KINDS[kind])
  if (value instanceof WeakRef) return refuse('a WeakRef')
  if (util.types.isDate(value) && Number.isNaN(value.getTime())) return refuse('an invalid date')
  if (util.types.isUint8Array(value) || util.types.isAnyArrayBuffer(value)) {
    return Buffer.from(value).toString('base64')
  }
  if (util.types.isBoxedPrimitive(value)) return simplify(value.valueOf(), at, above)
  const within = [...above, value]
  if (typeof value.toJSON === 'function') return simplify(value.toJSON(), at, within)
  if (Array.isArray(value) || util.types.isSet(value) || ArrayBuffer.isView(value)) {
    return Array.from(value, (item, index) => simplify(item, `${at}[${index}]`, within))
  }
  return simplifyEntries(value, at, within, refuse)
}

function simplifyEntries(value, at, within, refuse) {
  const isMap = util.types.isMap(value)
  const simple = new Map()
  for (const [key, item] of isMap ? value : Object.entries(value)) {
    if (typeof key !== 'string' && !Number.isInteger(key)) return refuse('a Map with such keys')
    const name = `${key}`
    if (simple.has(name)) return refuse('a Map with two keys of the same name')
    if (item === undefined && !isMap) continue
    const place = /^[\w$]+$/.test(name) ? `.${name}` : `[${stringify(name)}]`
    simple.set(name, simplify(item, at + place, within))
  }
  return Object.fromEntries(simple)
}
