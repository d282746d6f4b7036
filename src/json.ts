/** A value nested deeper is refused on either side: nobody could make text of it again. */
const MAX_JSON_DEPTH = 200
/** About 20 ms of parsing (measured, 50,000 different names). */
const MAX_NAMES = 50_000
/** About 10 ms of parsing (measured, 500,000 numbers). */
const MAX_ITEMS = 500_000
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** What {@link parseJson} accepts. */
export interface JsonLimits {
  /**
   * How deep objects and arrays may be nested.
   *
   * @default 200
   */
  maxDepth?: number | undefined
  /**
   * How many objects, arrays and names of fields there may be, all together.
   *
   * @default 50_000
   */
  maxNames?: number | undefined
  /**
   * How many commas there may be: one less than the items of an array.
   *
   * @default 500_000
   */
  maxItems?: number | undefined
}

/**
 * Parses JSON of strangers. `JSON.parse()` holds the event loop for seconds if 8 MiB of text are made
 * of field names or of brackets. This function counts them first, which takes about 3 ms a MiB.
 * It does not bound the length of the text.
 *
 * @throws RangeError if the text is past a limit.
 * @throws SyntaxError if it is not JSON. Its message quotes the text.
 *
 * @example
 * ```ts
 * import { parseJson } from 'hono-sandbox'
 *
 * console.log(parseJson('{ "code": "print(1)" }', { maxDepth: 10 }))
 * ```
 */
export function parseJson(text: string, limits: JsonLimits = {}): unknown {
  const { maxDepth = MAX_JSON_DEPTH, maxNames = MAX_NAMES, maxItems = MAX_ITEMS } = limits
  const { depth, names, items } = measure(text)
  if (depth > maxDepth) throw new RangeError(`the JSON is nested deeper than ${maxDepth} levels`)
  if (names > maxNames) throw new RangeError(`the JSON has more than ${maxNames} names`)
  if (items > maxItems) throw new RangeError(`the JSON has more than ${maxItems} items`)
  return JSON.parse(text)
}

function measure(text: string) {
  const found = { depth: 0, names: 0, items: 0 }
  let level = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isInString = false
    } else if (code === QUOTE) isInString = true
    else if (code === COMMA) found.items++
    else if (code === COLON) found.names++
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      found.names++
      level++
      if (level > found.depth) found.depth = level
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) level--
  }
  return found
}

/**
 * Why a value is not JSON, with where it is not; `undefined` where it is. `JSON.stringify()` would
 * lose such a thing in silence.
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
  if (levels === 0) return `${where} is nested too deeply, or in itself`
  if (Array.isArray(value)) return firstOf(value.entries(), (at) => `${place}[${at}]`, levels)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return `${where} is not a plain object`
  }
  // As JSON.stringify does: what is undefined is not there.
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
