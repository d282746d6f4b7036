const BLOCK = 512

/** The fields of a raw header. */
export interface RawHeader {
  name: string | Buffer
  type?: string
  size?: string | number
  mode?: number
  mtime?: number
  linkname?: string
  checksum?: string
  magic?: string
}

/** Makes one header block of a tar archive. Checks nothing, so that a test can make any block. */
export function header(fields: RawHeader): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  const {
    name,
    type = '0',
    size = 0,
    mode = type === '5' ? 0o755 : 0o644,
    mtime = 1_000_000_000,
  } = fields
  block.set(Buffer.from(name).subarray(0, 100), 0)
  block.write(octal(mode, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(typeof size === 'string' ? size : octal(size, 11), 124, 'latin1')
  block.write(octal(mtime, 11), 136)
  block.write(type, 156, 'latin1')
  block.write(fields.linkname ?? '', 157)
  block.write(fields.magic ?? 'ustar\x0000', 257, 'latin1')
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(fields.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** Makes an entry with content, and its padding. */
export function entry(fields: RawHeader, content: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(content)
  const padding = Buffer.alloc(-bytes.length & (BLOCK - 1))
  return Buffer.concat([header({ size: bytes.length, ...fields }), bytes, padding])
}

/** Makes one PAX record with its length. */
export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest)
  while (Buffer.byteLength(`${length}${rest}`) !== length) {
    length = Buffer.byteLength(`${length}${rest}`)
  }
  return `${length}${rest}`
}

export const END = Buffer.alloc(2 * BLOCK)

/** Joins entries to a complete archive. */
export function archive(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, END])
}
