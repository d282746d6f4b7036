import path from 'node:path'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import { invalid, isUploadError, tooLarge } from './upload-error.js'

/** The limits of a form. */
export interface FormLimits {
  maxFiles: number
  maxFileBytes: number
  maxFields: number
  maxFieldBytes: number
}

/** A file of a form. Its content has not been read yet. */
export interface FormFile {
  /** The name of the form field. */
  field: string
  /** The base name of the file. */
  name: string
  /** The media type that the client sent. */
  mimeType: string
  /** The content of the file. */
  stream: Readable
}

const LONGEST_NAME_BYTES = 255
const MAX_HEADER_BYTES = 16 * 1024

/**
 * Reads a `multipart/form-data` body and calls `save` for each file, one after the other. It reads
 * no faster than the files are saved. Returns the fields of the form. The first error stops
 * everything, and is thrown after the last `save` has ended.
 */
export async function readForm(
  body: ReadableStream<Uint8Array>,
  contentType: string,
  limits: FormLimits,
  save: (file: FormFile) => Promise<void>,
): Promise<Record<string, string>> {
  const busboy = parserOf(contentType, limits)
  const fields = new Map<string, string>()
  const names = new Set<string>()
  const open = new Set<BusboyFileStream>()
  const stop = new AbortController()
  let failure: { error: unknown } | undefined
  const fail = (error: unknown) => {
    failure ??= { error }
    stop.abort()
    for (const stream of open) stream.destroy()
  }
  let saved = Promise.resolve()
  const saveAfter = async (before: Promise<void>, file: FormFile) => {
    await before
    try {
      if (!failure) await save(file)
    } catch (error) {
      fail(error)
    }
  }

  busboy.on('file', (field: string | undefined, stream, given, _, mimeType) => {
    open.add(stream)
    stream.once('close', () => open.delete(stream))
    // The parser emits the same error. Without this listener, the event would end the process.
    stream.on('error', () => {})
    stream.once('limit', () => fail(tooLarge(`a file has more than ${limits.maxFileBytes} bytes`)))
    // If the user has chosen no file, a browser sends an empty file without a name.
    if (!given) return void stream.on('data', () => fail(invalid('a file has no name')))
    const name = nameOf(given)
    if (name === undefined) return fail(invalid('the name of a file is not valid'))
    if (names.has(name)) return fail(invalid('two files have the same name'))
    names.add(name)
    saved = saveAfter(saved, { field: field ?? '', name, mimeType, stream })
  })
  busboy.on('field', (field: string | undefined, value, _, isCut) => {
    if (isCut) fail(tooLarge(`a field has more than ${limits.maxFieldBytes} bytes`))
    else fields.set(field ?? '', value)
  })
  busboy.once('filesLimit', () => fail(tooLarge(`the form has more than ${limits.maxFiles} files`)))
  busboy.once('fieldsLimit', () =>
    fail(tooLarge(`the form has more than ${limits.maxFields} fields`)),
  )

  // A form may end before its body. The parser then ignores the rest of the body, and the pipeline
  // never ends, so the end of the form must be enough.
  const parsed = once(busboy, 'finish', { signal: stop.signal })
  try {
    await Promise.race([parsed, pipeline(body, busboy, { signal: stop.signal })])
  } catch (error) {
    fail(isUploadError(error) ? error : invalid('the body could not be read completely', error))
  }
  stop.abort()
  await saved
  if (failure) throw failure.error
  return Object.fromEntries(fields)
}

function parserOf(contentType: string, limits: FormLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      preservePath: true,
      limits: {
        files: limits.maxFiles,
        fileSize: limits.maxFileBytes,
        fields: limits.maxFields,
        fieldSize: limits.maxFieldBytes,
        headerSize: MAX_HEADER_BYTES,
      },
    })
  } catch (error) {
    throw invalid('the form has no valid boundary', error)
  }
}

/**
 * Returns the base name of a file name that may contain slashes or backslashes. Returns `undefined`
 * if it is not a valid file name.
 */
function nameOf(given: string): string | undefined {
  const name = path.posix.basename(given.replaceAll('\\', '/'))
  const isName = name !== '' && name !== '.' && name !== '..' && !name.includes('\0')
  return isName && Buffer.byteLength(name) <= LONGEST_NAME_BYTES ? name : undefined
}
