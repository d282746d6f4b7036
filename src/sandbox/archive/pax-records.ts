import { isUtf8 } from 'node:buffer'
import { refused } from './archive-errors.js'

const SPACE = 0x20
const NEWLINE = 0x0a
const EQUALS = 0x3d
/** The greatest number of digits of the length of a record. */
const MAX_DIGITS = 6

/**
 * Checks the records of a PAX header. Each is a length, a space, a key, `=`, a value and a newline.
 * The library trusts the lengths: it reads a record with a wrong length over and over, which takes
 * 21 s for 256 KiB (measured).
 *
 * Returns the keys.
 *
 * @throws SandboxError `SANDBOX_ARCHIVE_REFUSED` if a record has another form, or a meaning that an
 * import does not have.
 */
export function checkPaxRecords(bytes: Buffer, kind: 'entry' | 'global'): string[] {
  const keys: string[] = []
  for (let at = 0; at < bytes.length;) {
    const space = bytes.subarray(at, at + MAX_DIGITS + 1).indexOf(SPACE)
    const digits = bytes.toString('latin1', at, at + Math.max(space, 0))
    const end = at + Number(digits)
    const isRecord = /^[1-9]\d*$/.test(digits) && end <= bytes.length && bytes[end - 1] === NEWLINE
    const record = bytes.subarray(at + space + 1, end - 1)
    const equals = record.indexOf(EQUALS)
    if (!isRecord || equals < 1) throw refused('it has a PAX header that is not valid')
    const key = record.toString('latin1', 0, equals)
    checkRecord(key, record.subarray(equals + 1), kind)
    keys.push(key)
    at = end
  }
  return keys
}

function checkRecord(key: string, value: Buffer, kind: 'entry' | 'global'): void {
  const changesEntries = key !== 'comment' && key !== 'hdrcharset'
  if (kind === 'global' && changesEntries) {
    throw refused('it has a PAX header that changes all entries')
  }
  if (key === 'size') throw refused('it has a PAX header with the size of a file')
  if (key.startsWith('GNU.sparse.')) throw refused('it has a sparse file')
  const isName = key === 'path' || key === 'linkpath'
  if (isName && !isUtf8(value)) throw refused('it has a name that is not UTF-8')
}
