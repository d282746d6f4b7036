/** A value nested deeper is refused on either side: nobody could make text of it again. */
export const MAX_JSON_DEPTH = 200

/** Whether it has more levels. */
export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(levels - 1, each))
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
