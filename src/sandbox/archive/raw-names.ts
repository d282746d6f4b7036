import type { TarHeader } from 'modern-tar'

/** The PAX records of names that the library would change. Other programs ignore these records. */
export const RAW_KEYS = {
  path: 'HONOSANDBOX.path',
  linkpath: 'HONOSANDBOX.linkpath',
} as const
const SURROGATE = /\p{Surrogate}/u
const LEADING_BOM = /(?:^|\/)\uFEFF/

/**
 * Adds the exact names to a header. A name with bytes that are not UTF-8 has lone surrogates, which
 * the library writes as U+FFFD. The library drops a U+FEFF at the beginning of a name, and of the
 * part of a long name that it writes into a field of its own.
 */
export function withRawNames(header: TarHeader): TarHeader {
  const { name, linkname } = header
  const pax = {
    ...(isChanged(name) && { [RAW_KEYS.path]: JSON.stringify(name) }),
    ...(linkname !== undefined &&
      isChanged(linkname) && { [RAW_KEYS.linkpath]: JSON.stringify(linkname) }),
  }
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

function isChanged(name: string): boolean {
  return SURROGATE.test(name) || LEADING_BOM.test(name)
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
