import type { Context } from 'hono'
import type { FileEntry } from '../src/sandbox/files/entry.js'

/** The HTTP validators of a file: they change when the file changes. */
export interface Validators {
  etag: string
  /** The time of the last change; `undefined` if HTTP cannot represent it. */
  lastModified: string | undefined
}

/** A part of a file, in bytes. `undefined` stands for the whole file. */
export type Part = { start: number; length: number } | 'unsatisfiable' | undefined

/** The start of the year 10000 in milliseconds. A date in HTTP has a year of four digits. */
const YEAR_10000 = 253_402_300_800_000

/** Returns the HTTP validators of a file. */
export function validatorsOf({ size, mtimeMs }: FileEntry): Validators {
  const isDate = mtimeMs >= 0 && mtimeMs < YEAR_10000
  // A program can set any time, but Last-Modified must not be a date in the future.
  const date = new Date(Math.min(mtimeMs, Date.now()))
  return {
    etag: `"${size.toString(16)}-${mtimeMs.toString(16)}"`,
    lastModified: isDate ? date.toUTCString() : undefined,
  }
}

/**
 * Returns whether the client already has this state of the file, by `If-None-Match`, or otherwise
 * by `If-Modified-Since`.
 */
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
 * Returns the part of the file that the client requests. Returns `undefined`, for the whole file, if
 * the client requests several ranges, another unit or a range that is not valid, or if the file has
 * changed (`If-Range`).
 */
export function requestedPart(c: Context, size: number, { etag, lastModified }: Validators): Part {
  const range = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(c.req.header('Range') ?? '')
  if (c.req.method !== 'GET' || !range) return undefined
  const condition = c.req.header('If-Range')
  if (condition !== undefined && condition !== etag && condition !== lastModified) return undefined
  const [, first = '', last = ''] = range
  if (first === '' && last === '') return undefined
  // A range without a start is a number of bytes at the end of the file.
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && first !== '' && Number(last) < start) return undefined
  return start > end ? 'unsatisfiable' : { start, length: end - start + 1 }
}
