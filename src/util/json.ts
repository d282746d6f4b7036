/** A value nested deeper is refused on either side: nobody could make text of it again. */
const MAX_JSON_DEPTH = 200
/** About 20 ms of parsing (measured, 50,000 different names). */
const MAX_NAMES = 50_000
/** About 10 ms of parsing (measured, 500,000 whole numbers). */
const MAX_ITEMS = 500_000
/**
 * In nanoseconds, what the slowest kind of each takes to parse (measured): a string with an escape, a
 * field of an object with 50,000 others, an object, a number with 16 digits. Their sum is bounded,
 * because each alone is within its limit for a text that has the most of all.
 */
const COST = { string: 400, field: 400, container: 300, item: 150 } as const
const MAX_COST = 50_000_000
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [LETTER_U, LETTER_D] = [0x75, 0x64]
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

/** What a JSON text consists of. */
export interface JsonStructure {
  depth: number
  /** Objects, arrays and names of fields. */
  names: number
  items: number
  /** Names of fields among them. */
  strings: number
  escapes: number
  /** Escapes of halves of characters: from `\ud000` on, which has some whole ones as well. */
  halves: number
  /** What it takes to parse, in nanoseconds, but for the length of the text. */
  cost: number
}

/**
 * Parses JSON of strangers. `JSON.parse()` holds the event loop for seconds if 8 MiB of text are made
 * of field names, of short strings or of brackets. This function counts them first, which takes about
 * 3 ms a MiB. It does not bound the length of the text. Whatever the limits are, it refuses a text that
 * takes more than about 50 ms for other reasons than its length: 90,000 strings, for example.
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
  return parseMeasured(text, measureJson(text), limits)
}

/** The same for a text that is measured. */
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

/** Counts what a JSON text consists of, without regard to whether it is JSON. */
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
