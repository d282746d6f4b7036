import type { Context } from 'hono'
import type { FileEntry } from '../src/sandbox/files/entry.js'

/** What tells one state of a file from another. */
export interface Validators {
  etag: string
  /** None where the file's time is no date that HTTP can write. */
  lastModified: string | undefined
}

/** Part of a file, in bytes; `undefined` is all of it. */
export type Part = { start: number; length: number } | 'unsatisfiable' | undefined

const YEAR_10000 = 253_402_300_800_000

export function validatorsOf({ size, mtimeMs }: FileEntry): Validators {
  const isDate = mtimeMs >= 0 && mtimeMs < YEAR_10000
  // A program may set any time; a date that is yet to come is not valid here.
  const date = new Date(Math.min(mtimeMs, Date.now()))
  return {
    etag: `"${size.toString(16)}-${mtimeMs.toString(16)}"`,
    lastModified: isDate ? date.toUTCString() : undefined,
  }
}

/** Whether the client has it already: `If-None-Match`, else `If-Modified-Since`. */
export function isFresh(c: Context, { etag, lastModified }: Validators): boolean {
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return false
  const known = c.req.header('If-None-Match')
  if (known !== undefined) {
    return known.trim() === '*' || (known.match(/"[^"]*"/g)?.includes(etag) ?? false)
  }
  const since = Date.parse(c.req.header('If-Modified-Since') ?? '')
  return lastModified !== undefined && Date.parse(lastModified) <= since
}

/**
 * What part the client asks for. Several at once, another unit, what cannot be read, and a file that
 * has changed since (`If-Range`): all of it.
 */
export function partOf(c: Context, size: number, { etag, lastModified }: Validators): Part {
  const range = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(c.req.header('Range') ?? '')
  if (c.req.method !== 'GET' || !range) return undefined
  const condition = c.req.header('If-Range')
  if (condition !== undefined && condition !== etag && condition !== lastModified) return undefined
  const [, first = '', last = ''] = range
  if (first === '' && last === '') return undefined
  // Without a beginning it is the last so many bytes, or as many as there are.
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && first !== '' && Number(last) < start) return undefined
  return start > end ? 'unsatisfiable' : { start, length: end - start + 1 }
}
