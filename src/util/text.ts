/**
 * Returns a text that has at most about `length` characters: the beginning and the end of a longer
 * text, and a note between them.
 */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  const part = Math.floor(length / 2)
  const start = text.slice(0, part)
  const end = text.slice(text.length - part)
  return `${start}\n[... ${text.length - 2 * part} characters were left out ...]\n${end}`
}

/**
 * Returns the bytes without a character at their end that is not complete. The next part of the file
 * begins with this character.
 */
export function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) break
    if (byte < 0xc0) continue // a further byte of a character
    const needed = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return needed > back ? bytes.subarray(0, -back) : bytes
  }
  return bytes
}

/** Returns the text of bytes, or `undefined` if they are not UTF-8 or have a NUL. */
export function textOf(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
