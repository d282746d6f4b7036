import type { TarHeader } from 'modern-tar'

/** The PAX records of names that the library would change. Other programs ignore these records. */
const NAME = 'HONOSANDBOX.path'
const TARGET = 'HONOSANDBOX.linkpath'
const SURROGATE = /\p{Surrogate}/u

/**
 * Adds the exact names to a header. A name with bytes that are not UTF-8 has lone surrogates, which
 * the library writes as U+FFFD, and the library drops a U+FEFF at the beginning of a name.
 */
export function withRawNames(header: TarHeader): TarHeader {
  const { name, linkname } = header
  const pax = {
    ...(isChanged(name) && { [NAME]: JSON.stringify(name) }),
    ...(linkname !== undefined && isChanged(linkname) && { [TARGET]: JSON.stringify(linkname) }),
  }
  return Object.keys(pax).length > 0 ? { ...header, pax } : header
}

/** Returns the exact names of a header that was read. */
export function rawNamesOf({ name, linkname = '', pax }: TarHeader): {
  name: string
  target: string
} {
  return { name: parsed(pax?.[NAME]) ?? name, target: parsed(pax?.[TARGET]) ?? linkname }
}

function isChanged(name: string): boolean {
  return SURROGATE.test(name) || name.startsWith('\uFEFF')
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
