import { SandboxError } from '../errors.js'
import { mimeTypeOf } from '../sandbox/files/mime.js'
import type { FileCallOptions } from '../sandbox/files/options.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { Bounds } from './bounds.js'
import { isImage } from './left-files.js'
import { textOf, wholeCharacters } from '../util/text.js'

/** The part of a file to read. */
export interface Part {
  path: string
  /** The position of the first byte of a text. */
  offset: number
  /** The greatest number of bytes of a text. */
  length: number
}

/** A file for a model: a part of a text, or a complete binary file. */
export interface FileContent {
  size: number
  mimeType: string
  content: { text: string; nextOffset: number | undefined } | { bytes: Buffer }
}

/**
 * Reads a part of a text file, or a complete binary file.
 *
 * @throws SandboxFileError if the file cannot be read.
 * @throws SandboxError `SANDBOX_INVALID_OPTION` if a binary file is too large.
 */
export async function readContent(
  box: Sandbox,
  { path, offset, length }: Part,
  { maxBinaryBytes }: Bounds,
  call: FileCallOptions,
): Promise<FileContent> {
  const { size } = await box.stat(path, call)
  const mimeType = mimeTypeOf(path)
  if (!isImage(mimeType)) {
    const bytes = await box.readFile(path, { offset, length, ...call })
    const isEnd = offset + bytes.length >= size
    const whole = isEnd ? bytes : wholeCharacters(bytes)
    const text = textOf(whole)
    if (text !== undefined) {
      const nextOffset = isEnd ? undefined : offset + whole.length
      return { size, mimeType: textType(mimeType), content: { text, nextOffset } }
    }
  }
  if (size > maxBinaryBytes) throw tooLarge(size, maxBinaryBytes)
  const bytes = await box.readFile(path, { maxBytes: maxBinaryBytes, ...call })
  return { size, mimeType, content: { bytes } }
}

/** Returns the type of a file whose content is text: its name may tell nothing. */
function textType(mimeType: string): string {
  return mimeType === 'application/octet-stream' ? 'text/plain' : mimeType
}

/** Returns the error for a file that is too large to be sent at once. */
export function tooLarge(size: number, most: number): SandboxError {
  const message = `the file has ${size} bytes, expected at most ${most}`
  const suggestion = 'Read it with a program of the session, and print what is needed'
  return new SandboxError('SANDBOX_INVALID_OPTION', message, { suggestion })
}
