import { isUtf8 } from 'node:buffer'
import { refused } from './archive-errors.js'
import { checkPaxRecords } from './pax-records.js'

const BLOCK = 512
const BYTE_ORDER_MARK = Buffer.from('\uFEFF')
/** The maximum length of the metadata of one entry. Two paths of Linux take 8 KiB. */
const MAX_META_BYTES = 64 * 1024
/** The greatest number of blocks of metadata in front of one entry. */
const MAX_METAS = 8
/** The greatest number of zeros after the end. The blocking factor of `tar -b` adds them. */
const MAX_PADDING_BYTES = 1024 * 1024

const FILES = new Set(['\0', '0', '7'])
const WITHOUT_CONTENT = new Set(['1', '2', '5'])
const METADATA = new Set(['x', 'L', 'K', 'g'])
const REFUSED_TYPES: Readonly<Record<string, string>> = {
  '3': 'a device',
  '4': 'a device',
  '6': 'a FIFO',
  S: 'a sparse file',
}

/** The beginnings of files that are often sent in place of a tar archive. */
const OTHER_FORMATS = [
  { name: 'gzip', magic: '\x1f\x8b' },
  { name: 'zstd', magic: '\x28\xb5\x2f\xfd' },
  { name: 'bzip2', magic: 'BZh' },
  { name: 'xz', magic: '\xfd7zXZ' },
  { name: 'zip', magic: 'PK' },
]

/**
 * Checks each block of a tar archive before the library gets it. The library repairs or guesses
 * what is not valid: it reads an unknown type as a file, names that are not UTF-8 as other names,
 * and up to 8 MiB of metadata. The guard accepts only what has one meaning, and needs a constant
 * amount of memory.
 */
export class ArchiveGuard {
  readonly #header = Buffer.alloc(BLOCK)
  #filled = 0
  /** The rest of the content of the current entry, with its padding. */
  #left = 0
  #meta: { type: string; length: number; parts: Buffer[] } | undefined
  #metas = 0
  /** The names that metadata has in place of those of the next header, with the keys of PAX. */
  readonly #replaced = new Set<string>()
  #zeros = 0
  #isEmpty = true

  /**
   * Checks the next bytes of the archive.
   *
   * @throws SandboxError `SANDBOX_ARCHIVE_REFUSED`.
   */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const missing = this.#left > 0 ? this.#left : BLOCK - this.#filled
      const part = bytes.subarray(at, at + missing)
      at += part.length
      if (this.#left > 0) this.#takeContent(part)
      else this.#takeHeader(part)
    }
  }

  /** Checks that the archive is complete. */
  end(): void {
    if (this.#filled > 0) this.#checkFormat()
    if (this.#isEmpty && this.#filled === 0 && this.#zeros === 0) throw refused('it is empty')
    if (this.#zeros < 2 || this.#filled > 0) throw refused('its end is missing')
  }

  #takeContent(part: Buffer): void {
    this.#left -= part.length
    if (!this.#meta) return
    this.#meta.parts.push(Buffer.from(part))
    if (this.#left > 0) return
    const { type, length, parts } = this.#meta
    this.#meta = undefined
    const content = Buffer.concat(parts).subarray(0, length)
    if (type === 'g') checkPaxRecords(content, 'global')
    else if (type === 'x') {
      for (const key of checkPaxRecords(content, 'entry')) this.#replaced.add(key)
    } else {
      checkUtf8(content)
      checkBeginning(content)
      this.#replaced.add(type === 'L' ? 'path' : 'linkpath')
    }
  }

  #takeHeader(part: Buffer): void {
    part.copy(this.#header, this.#filled)
    this.#filled += part.length
    if (this.#filled < BLOCK) return
    this.#filled = 0
    if (this.#header.every((byte) => byte === 0)) {
      this.#zeros++
      if (this.#zeros * BLOCK > MAX_PADDING_BYTES) throw refused('it has too many zeros at its end')
      return
    }
    if (this.#zeros > 0) throw refused('it has data after its end')
    this.#checkHeader()
    this.#isEmpty = false
  }

  #checkHeader(): void {
    const header = this.#header
    this.#checkFormat()
    if (!hasChecksum(header)) {
      throw refused(this.#isEmpty ? 'it is not a tar archive' : 'it is damaged')
    }
    const type = String.fromCharCode(header.readUInt8(156))
    const length = sizeIn(header)
    if (METADATA.has(type)) {
      if (length > MAX_META_BYTES) throw refused('it has a header that is too long')
      if (++this.#metas > MAX_METAS) throw refused('it has too many headers for one entry')
      this.#meta = { type, length, parts: [] }
    } else {
      this.#metas = 0
      checkNames(header, this.#replaced)
      this.#replaced.clear()
      if (WITHOUT_CONTENT.has(type) && length > 0) {
        throw refused('it has a link or a folder with content')
      }
      if (!FILES.has(type) && !WITHOUT_CONTENT.has(type)) {
        throw refused(`it has ${REFUSED_TYPES[type] ?? 'an entry of an unknown type'}`)
      }
    }
    this.#left = Math.ceil(length / BLOCK) * BLOCK
    if (this.#left === 0) this.#meta = undefined
  }

  /** Names the format of data that is no tar archive, if its beginning shows it. */
  #checkFormat(): void {
    if (!this.#isEmpty) return
    const start = this.#header.toString('latin1', 0, Math.min(8, this.#filled || BLOCK))
    const other = OTHER_FORMATS.find(({ magic }) => start.startsWith(magic))
    if (!other || hasChecksum(this.#header)) return
    throw refused(`it is in the format ${other.name}, expected tar`, {
      suggestion: 'Decompress it first: with gzip, new DecompressionStream("gzip") can do it',
    })
  }
}

/** Compares the checksum: the sum of all bytes of the header, in which its own bytes are spaces. */
function hasChecksum(header: Buffer): boolean {
  let sum = 8 * 0x20
  for (let at = 0; at < BLOCK; at++) {
    if (at < 148 || at >= 156) sum += header[at] ?? 0
  }
  return sum === octal(header, 148, 8)
}

function sizeIn(header: Buffer): number {
  const size = octal(header, 124, 12)
  if (size === undefined) throw refused('it has a file with a size that is too large or not valid')
  return size
}

function octal(header: Buffer, at: number, length: number): number | undefined {
  const digits = /^ *([0-7]*)[ \0]*$/.exec(header.toString('latin1', at, at + length))?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits || '0', 8)
}

/** Checks the names of a header. A long name is cut there, perhaps within a character. */
function checkNames(header: Buffer, replaced: ReadonlySet<string>): void {
  for (const [key, at, length] of [
    ['path', 0, 100],
    ['linkpath', 157, 100],
    ['path', 345, 155],
  ] as const) {
    const field = header.subarray(at, at + length)
    const end = field.indexOf(0)
    if (replaced.has(key)) continue
    const name = end === -1 ? field : field.subarray(0, end)
    checkUtf8(name)
    checkBeginning(name)
  }
}

function checkUtf8(name: Buffer): void {
  if (!isUtf8(name)) throw refused('it has a name that is not UTF-8')
}

/** The library drops U+FEFF at the beginning of a name, unless the name is in a PAX record. */
function checkBeginning(name: Buffer): void {
  if (name.indexOf(BYTE_ORDER_MARK) !== 0) return
  throw refused('it has a name that begins with U+FEFF and is not in a PAX header')
}
