import path from 'node:path'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import { invalid, isUploadError, tooLarge } from './upload-error.js'

/** What a part of a form may be. */
export interface FormLimits {
  maxFiles: number
  maxFileBytes: number
  maxFields: number
  maxFieldBytes: number
}

/** A file of a form, before it is read. */
export interface FormFile {
  field: string
  name: string
  mimeType: string
  stream: Readable
}

const LONGEST_NAME_BYTES = 255
const MAX_HEADER_BYTES = 16 * 1024

/**
 * Reads a `multipart/form-data` body, no faster than its files are saved, one after the other. Gives
 * the fields. Whatever fails first ends it all, and is thrown when all has ended.
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
    // The parser has the same 'error'; without a listener this one would end the process.
    stream.on('error', () => {})
    stream.once('limit', () => fail(tooLarge(`a file of more than ${limits.maxFileBytes} bytes`)))
    // A browser sends an empty file without a name where none was chosen.
    if (!given) return void stream.on('data', () => fail(invalid('a file without a name')))
    const name = nameOf(given)
    if (name === undefined) return fail(invalid('a file with a name that cannot be one'))
    if (names.has(name)) return fail(invalid('two files with the same name'))
    names.add(name)
    saved = saveAfter(saved, { field: field ?? '', name, mimeType, stream })
  })
  busboy.on('field', (field: string | undefined, value, _, isCut) => {
    if (isCut) fail(tooLarge(`a field of more than ${limits.maxFieldBytes} bytes`))
    else fields.set(field ?? '', value)
  })
  busboy.once('filesLimit', () => fail(tooLarge(`more than ${limits.maxFiles} files`)))
  busboy.once('fieldsLimit', () => fail(tooLarge(`more than ${limits.maxFields} fields`)))

  // A form may be over before its body is, and its parser then never comes to the end of the body.
  const parsed = once(busboy, 'finish', { signal: stop.signal })
  try {
    await Promise.race([parsed, pipeline(body, busboy, { signal: stop.signal })])
  } catch (error) {
    fail(isUploadError(error) ? error : invalid('the body cannot be read to its end', error))
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
    throw invalid('a form without a boundary', error)
  }
}

/** The base name, whichever way its slashes lean; `undefined` where a file cannot have it. */
function nameOf(given: string): string | undefined {
  const name = path.posix.basename(given.replaceAll('\\', '/'))
  const isName = name !== '' && name !== '.' && name !== '..' && !name.includes('\0')
  return isName && Buffer.byteLength(name) <= LONGEST_NAME_BYTES ? name : undefined
}
