import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy'
import { Busboy } from '@fastify/busboy'
import { BadRequest } from './refusal.js'

const MAX_FIELDS = 10
const MAX_FILES = 100
/** A boundary has 70 characters at most (RFC 2046). To search for one of many kilobytes is slow. */
const MAX_TYPE_LENGTH = 256
const NO_BOUNDARY = 'the body: expected a form with a boundary of at most 70 characters'
/** The parser goes through the whole of a piece, also past a limit. */
const SLICE = 4096
const LIMITS = { parts: MAX_FIELDS + MAX_FILES, headerPairs: 20, headerSize: 8192 }

/** What a form has in it. */
interface Form {
  /** By name; of one that comes several times the last value. */
  fields: Map<string, string>
  /** In order, by the names that the client gives them. */
  files: { path: string; content: Buffer }[]
}

/** Reads `multipart/form-data` in pieces, each in a time that its size bounds. */
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

  /** @throws BadRequest if the form is no form, or has too many parts. */
  write(piece: Buffer): void {
    for (let at = 0; at < piece.length; at += SLICE) {
      this.#busboy.write(piece.subarray(at, at + SLICE))
      if (this.#failure) throw this.#failure
    }
  }

  /** @throws BadRequest as `write`, also if the form has no end. */
  async end(): Promise<Form> {
    await new Promise<void>((resolve) => {
      this.#busboy.once('finish', resolve).once('error', () => resolve())
      this.#busboy.end()
    })
    if (this.#failure) throw this.#failure
    return this.#form
  }

  /** A field is a part like a file, so that a long one is decoded as it comes. */
  #takePart(name: string, stream: BusboyFileStream, filename: string | undefined): void {
    const { fields, files } = this.#form
    stream.on('error', () => {}) // the parser has the same
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
