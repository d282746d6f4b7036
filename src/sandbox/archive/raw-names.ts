import type { TarHeader } from 'modern-tar'

/** The PAX records of names with bytes that are not UTF-8. Other programs ignore these records. */
const RAW_KEYS = {
  path: 'HONOSANDBOX.path',
  linkpath: 'HONOSANDBOX.linkpath',
} as const
const SURROGATE = /\p{Surrogate}/u
const LEADING_BOM = /(?:^|\/)\uFEFF/

/**
 * Adds the names that the library would change to a header. A name with bytes that are not UTF-8 has
 * lone surrogates, which the library writes as U+FFFD. The library drops a U+FEFF at the beginning
 * of a field: of a name, and of the part of a long name that has a field of its own. It keeps it in
 * a PAX record.
 */
export function withRawNames(header: TarHeader): TarHeader {
  const { name, linkname = '' } = header
  const pax = { ...recordsOf('path', name), ...recordsOf('linkpath', linkname) }
  return Object.keys(pax).length > 0 ? { ...header, pax } : header
}

/** Returns the exact names of a header that was read. */
export function rawNamesOf({ name, linkname = '', pax }: TarHeader): {
  name: string
  target: string
} {
  return {
    name: parsed(pax?.[RAW_KEYS.path]) ?? name,
    target: parsed(pax?.[RAW_KEYS.linkpath]) ?? linkname,
  }
}

function recordsOf(key: 'path' | 'linkpath', name: string): Record<string, string> {
  return {
    ...(LEADING_BOM.test(name) && { [key]: name }),
    ...(SURROGATE.test(name) && { [RAW_KEYS[key]]: JSON.stringify(name) }),
  }
}

function parsed(record: string | undefined): string | undefined {
  if (record === undefined) return undefined
  try {
    const name: unknown = JSON.parse(record)
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}
