import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import { BadRequest } from './refusal.js'

const MAX_FIELDS = 10
const MAX_FILES = 100
/**
 * The maximum length of the content type. A boundary has at most 70 characters (RFC 2046). To
 * search for a boundary of many kilobytes would be slow.
 */
const MAX_TYPE_LENGTH = 256
const NO_BOUNDARY = 'the body: expected a form with a boundary of at most 70 characters'
/**
 * The maximum number of bytes that the parser gets at once. It parses all bytes that it gets, even
 * if they exceed a limit.
 */
const SLICE = 4096
const LIMITS = { parts: MAX_FIELDS + MAX_FILES, headerPairs: 20, headerSize: 8192 }

/** The content of a form. */
interface Form {
  /** The values of the fields, by name. If a name occurs several times, the last value counts. */
  fields: Map<string, string>
  /** The files in the order of the form. The path is the file name that the client sent. */
  files: { path: string; content: Buffer }[]
}

/**
 * Parses `multipart/form-data` piece by piece. The time for a piece is proportional to its size.
 */
export class FormReader {
  readonly #form: Form = { fields: new Map(), files: [] }
  readonly #busboy: BusboyInstance
  #failure: BadRequest | undefined

  /** @throws BadRequest if the content type has no boundary. */
  constructor(contentType: string) {
    this.#busboy = parserOf(contentType)
    this.#busboy.on('file', (name: string | undefined, stream, filename: string | undefined) =>
      this.#takePart(name ?? '', stream, filename),
    )
    this.#busboy.on('partsLimit', () => this.#fail(`at most ${LIMITS.parts} parts`))
    this.#busboy.on('error', () => this.#fail('a valid form'))
  }

  /**
   * Parses the next piece of the form.
   *
   * @throws BadRequest if the form is not valid or has too many parts.
   */
  write(piece: Buffer): void {
    for (let at = 0; at < piece.length; at += SLICE) {
      this.#busboy.write(piece.subarray(at, at + SLICE))
      if (this.#failure) throw this.#failure
    }
  }

  /**
   * Ends the form and returns its content.
   *
   * @throws BadRequest if the form is not valid, has too many parts or is not complete.
   */
  async end(): Promise<Form> {
    await new Promise<void>((resolve) => {
      this.#busboy.once('finish', resolve).once('error', () => resolve())
      this.#busboy.end()
    })
    if (this.#failure) throw this.#failure
    return this.#form
  }

  /**
   * Reads a field or a file. A field is read as a stream too, so that it is decoded piece by piece.
   */
  #takePart(name: string, stream: BusboyFileStream, filename: string | undefined): void {
    const { fields, files } = this.#form
    stream.on('error', () => {}) // the parser emits the same error
    if (filename === undefined) {
      if (fields.size === MAX_FIELDS) return this.#fail(`at most ${MAX_FIELDS} fields`)
      const decoder = new TextDecoder()
      fields.set(name, '')
      let text = ''
      stream.on('data', (piece: Buffer) => (text += decoder.decode(piece, { stream: true })))
      stream.once('end', () => fields.set(name, text + decoder.decode()))
      return
    }
    if (files.length === MAX_FILES) return this.#fail(`at most ${MAX_FILES} files`)
    const file = { path: filename, content: Buffer.alloc(0) }
    const pieces: Buffer[] = []
    files.push(file)
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.once('end', () => (file.content = Buffer.concat(pieces)))
  }

  #fail(expected: string): void {
    this.#failure ??= new BadRequest(`the body: expected ${expected}`)
  }
}

function parserOf(contentType: string): BusboyInstance {
  if (contentType.length > MAX_TYPE_LENGTH) throw new BadRequest(NO_BOUNDARY)
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      preservePath: true,
      isPartAFile: () => true,
      limits: LIMITS,
    })
  } catch {
    throw new BadRequest(NO_BOUNDARY)
  }
}
