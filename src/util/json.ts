/** Host and agents refuse a value with more levels, because they could not serialize it again. */
const MAX_JSON_DEPTH = 200
/** Parsing takes about 20 ms at this limit (measured with 50,000 different names). */
const MAX_NAMES = 50_000
/** Parsing takes about 10 ms at this limit (measured with 500,000 whole numbers). */
const MAX_ITEMS = 500_000
/**
 * The time in nanoseconds to parse one element of the slowest kind (measured): a string with an
 * escape, a field of an object with 50,000 other fields, an object, a number with 16 digits. The
 * sum over a text has a limit of its own, because a text can be within every single limit and still
 * take too long.
 */
const COST = { string: 400, field: 400, container: 300, item: 150 } as const
const MAX_COST = 50_000_000
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [LETTER_U, LETTER_D] = [0x75, 0x64]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The limits of {@link parseJson}. */
export interface JsonLimits {
  /**
   * The greatest depth of nested objects and arrays.
   *
   * @default 200
   */
  maxDepth?: number | undefined
  /**
   * The greatest number of objects, arrays and field names together.
   *
   * @default 50_000
   */
  maxNames?: number | undefined
  /**
   * The greatest number of commas. An array has one comma less than it has items.
   *
   * @default 500_000
   */
  maxItems?: number | undefined
}

/** The elements of a JSON text, counted by {@link measureJson}. */
export interface JsonStructure {
  /** The greatest depth of nested objects and arrays. */
  depth: number
  /** The number of objects, arrays and field names. */
  names: number
  /** The number of commas. */
  items: number
  /** The number of strings, field names included. */
  strings: number
  /** The number of escape sequences in strings. */
  escapes: number
  /**
   * The number of escape sequences that begin with `\ud`. All surrogates are among them, and also
   * some characters that are no surrogates: `\ud000` to `\ud7ff`.
   */
  halves: number
  /**
   * The estimated time to parse the elements, in nanoseconds. The length of the text is not in it.
   */
  cost: number
}

/**
 * Parses JSON from an untrusted source. `JSON.parse()` blocks the event loop for seconds if 8 MiB
 * of text consist of field names, short strings or brackets. This function counts these elements
 * first, which takes about 3 ms per MiB. It does not limit the length of the text. Independent of
 * `limits`, it refuses a text whose elements take more than about 50 ms to parse, for example
 * 90,000 strings.
 *
 * @throws RangeError if the text exceeds a limit.
 * @throws SyntaxError if the text is not JSON. The message quotes a part of the text.
 *
 * @example
 * ```ts
 * import { parseJson } from 'hono-sandbox'
 *
 * console.log(parseJson('{ "code": "print(1)" }', { maxDepth: 10 }))
 * ```
 */
export function parseJson(text: string, limits: JsonLimits = {}): unknown {
  return parseMeasured(text, measureJson(text), limits)
}

/**
 * Parses a JSON text whose elements {@link measureJson} has counted, within the same limits as
 * {@link parseJson}.
 */
export function parseMeasured(
  text: string,
  { depth, names, items, cost }: JsonStructure,
  limits: JsonLimits = {},
): unknown {
  const { maxDepth = MAX_JSON_DEPTH, maxNames = MAX_NAMES, maxItems = MAX_ITEMS } = limits
  if (depth > maxDepth) throw new RangeError(`the JSON is nested deeper than ${maxDepth} levels`)
  if (names > maxNames) throw new RangeError(`the JSON has more than ${maxNames} names`)
  if (items > maxItems) throw new RangeError(`the JSON has more than ${maxItems} items`)
  if (cost > MAX_COST) throw new RangeError('the JSON has too many strings, names and items')
  return JSON.parse(text)
}

/** Counts the elements of a JSON text. It does not check that the text is valid JSON. */
export function measureJson(text: string): JsonStructure {
  let [depth, containers, fields, items, strings, level] = [0, 0, 0, 0, 0, 0]
  let [escapes, halves] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      strings++
      for (at++; at < text.length; at++) {
        const inside = text.charCodeAt(at)
        if (inside === QUOTE) break
        if (inside !== BACKSLASH) continue
        escapes++
        at++
        if (text.charCodeAt(at) === LETTER_U && (text.charCodeAt(at + 1) | 0x20) === LETTER_D)
          halves++
      }
    } else if (code === COMMA) items++
    else if (code === COLON) fields++
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      containers++
      level++
      if (level > depth) depth = level
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) level--
  }
  const costs = [strings * COST.string, fields * COST.field, containers * COST.container]
  const cost = costs.reduce((sum, each) => sum + each, items * COST.item)
  return { depth, names: containers + fields, items, strings, escapes, halves, cost }
}

/**
 * Returns a description of the first part of a value that JSON cannot represent, with its place in
 * the value. Returns `undefined` if the whole value is JSON. `JSON.stringify()` drops or changes
 * such parts without an error.
 */
export function whyNotJson(
  value: unknown,
  place = '',
  levels = MAX_JSON_DEPTH,
): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  const where = place.length > 100 ? `${place.slice(0, 100)}...` : place || 'it'
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${where} is ${value}`
  if (typeof value !== 'object') return `${where} is ${withArticle(typeof value)}`
  if (levels === 0) return `${where} is nested too deeply, or contains itself`
  if (Array.isArray(value)) return firstOf(value.entries(), (at) => `${place}[${at}]`, levels)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return `${where} is not a plain object`
  }
  // JSON.stringify() leaves out fields that are undefined, so they are allowed.
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return firstOf(entries, (key) => `${place}.${key}`, levels)
}

function firstOf<Key>(
  entries: Iterable<[Key, unknown]>,
  placeOf: (key: Key) => string,
  levels: number,
): string | undefined {
  for (const [key, value] of entries) {
    const why = whyNotJson(value, placeOf(key), levels - 1)
    if (why) return why
  }
  return undefined
}

const withArticle = (type: string) => (type === 'undefined' ? type : `a ${type}`)
