import path from 'node:path'
import type { Context } from 'hono'
import { SandboxError, SandboxFileError } from '../src/errors.js'
import { check } from '../src/schemas/check.js'
import type { Sandbox } from '../src/sandbox/sandbox.js'
import { sandboxOf } from './sandbox-of.js'
import { readForm } from './multipart.js'
import { ReceiveCall } from './options.js'
import { withStallLimit } from './upload-stall.js'
import { invalid, isUploadError, tooLarge } from './upload-error.js'

/** The options of {@link receiveFiles}. */
export interface ReceiveFilesOptions {
  /**
   * The path of the file for a body that is not a form.
   *
   * @default none: such a body is refused
   */
  path?: string | undefined
  /**
   * The folder for the files of a form. It is created if it does not exist.
   *
   * @default '.'
   */
  folder?: string | undefined
  /**
   * The greatest number of files in a form.
   *
   * @default 20
   */
  maxFiles?: number | undefined
  /**
   * The greatest size of one file, in bytes.
   *
   * @default as maxBytes
   */
  maxFileBytes?: number | undefined
  /**
   * The greatest size of the body, in bytes.
   *
   * @default 33_554_432
   */
  maxBytes?: number | undefined
  /**
   * The greatest number of fields in a form, without its files.
   *
   * @default 100
   */
  maxFields?: number | undefined
  /**
   * The greatest size of the value of a field, in bytes.
   *
   * @default 65_536
   */
  maxFieldBytes?: number | undefined
  /**
   * The total time for which the client may let the sandbox wait, in milliseconds. A client that
   * sends at least 1024 bytes per second never exceeds it, independent of the duration of the
   * upload.
   *
   * @default 10_000
   */
  stallTimeoutMs?: number | undefined
  /**
   * The sandbox that receives the files.
   *
   * @default c.get('sandbox')
   */
  sandbox?: Sandbox | undefined
}

/** A file that has been received completely. */
export interface ReceivedFile {
  /** The name of the form field; `undefined` if the body was no form. */
  field: string | undefined
  /** The base name of the file: the last part of `path`. */
  name: string
  /** The path of the file in the sandbox. */
  path: string
  /** The size of the file, in bytes. */
  size: number
  /** The media type that the client sent. */
  mimeType: string
}

/** The result of {@link receiveFiles}. */
export interface Received {
  /** The files, in the order of the body. */
  files: ReceivedFile[]
  /** The other fields of a form. If a field occurs several times, its last value counts. */
  fields: Record<string, string>
}

/**
 * Streams the body of a request into files of the sandbox. Each file of a `multipart/form-data`
 * body is saved under its base name in `folder`. Any other body is saved to `path`. The body is
 * never completely in memory, and is read no faster than the sandbox writes.
 *
 * A file appears only when it is complete, and replaces an existing file. A form with two files of
 * the same name is refused. If this function throws, earlier files of the form may exist, the rest
 * of the body is not read, and nothing more is written.
 *
 * @throws SandboxError `SANDBOX_UPLOAD_TOO_LARGE` (413) if the body exceeds a limit.
 * @throws SandboxError `SANDBOX_UPLOAD_TIMEOUT` (408) if the client stalls.
 * @throws SandboxError `SANDBOX_UPLOAD_INVALID` (400) if the body is not readable, if it is no form
 * and `path` is not set, if a file name is not valid, or if the client disconnects.
 * @throws SandboxError `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
 * @throws SandboxFileError `ENOSPC`, `EISDIR`, ... if a file cannot be written.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { receiveFiles, sandbox } from 'hono-sandbox/middleware'
 *
 * const app = new Hono().use(sandbox()).post('/count', async (c) => {
 *   const { files, fields } = await receiveFiles(c, { folder: 'in', maxFiles: 3 })
 *   const paths = files.map(({ path }) => path)
 *   const { stdout } = await c.get('sandbox').exec(['wc', ...paths])
 *   return c.json({ stdout, title: fields['title'] })
 * })
 * ```
 */
export async function receiveFiles(
  c: Context,
  options: ReceiveFilesOptions = {},
): Promise<Received> {
  check(ReceiveCall, options, 'receiveFiles')
  const { folder = '.', maxBytes = 32 * 1024 * 1024, maxFileBytes = maxBytes } = options
  const { maxFiles = 20, maxFields = 100, maxFieldBytes = 64 * 1024 } = options
  const { stallTimeoutMs = 10_000 } = options
  const sandbox = sandboxOf(c, options.sandbox)
  const contentType = c.req.header('Content-Type') ?? 'application/octet-stream'
  const isForm = /^multipart\/form-data\s*(;|$)/i.test(contentType)
  if (!isForm && options.path === undefined) throw invalid('expected multipart/form-data')
  const limit = isForm ? maxBytes : Math.min(maxBytes, maxFileBytes)
  const body = withStallLimit(bodyOf(c, limit), stallTimeoutMs)
  const files: ReceivedFile[] = []
  const save = async (file: Omit<ReceivedFile, 'size'>, content: ReadableStream<Uint8Array>) => {
    const counted = counter(Number.POSITIVE_INFINITY)
    await write(sandbox, file.path, content.pipeThrough(counted.stream))
    files.push({ ...file, size: counted.bytes() })
  }
  if (!isForm) {
    const to = options.path ?? ''
    const name = path.posix.basename(to)
    await save({ field: undefined, name, path: to, mimeType: contentType }, body)
    return { files, fields: {} }
  }
  if (folder !== '.') await sandbox.mkdir(folder, { recursive: true })
  const limits = { maxFiles, maxFileBytes, maxFields, maxFieldBytes }
  const fields = await readForm(body, contentType, limits, ({ stream, ...file }) =>
    save({ ...file, path: path.posix.join(folder, file.name) }, ReadableStream.from(stream)),
  )
  return { files, fields }
}

/** Returns the body of the request as a stream that fails if it exceeds the limit. */
function bodyOf(c: Context, maxBytes: number): ReadableStream<Uint8Array> {
  const { raw } = c.req
  if (Number(c.req.header('Content-Length')) > maxBytes) throw bodyTooLarge(maxBytes)
  const body: ReadableStream<Uint8Array> = raw.body ?? new Blob([]).stream()
  if (raw.bodyUsed || body.locked) {
    throw new SandboxError('SANDBOX_INVALID_OPTION', 'receiveFiles: the body has already been read')
  }
  return body.pipeThrough(counter(maxBytes).stream)
}

/**
 * Returns a stream that counts its bytes and fails beyond `maxBytes`, and a function that returns
 * the count.
 */
function counter(maxBytes: number) {
  let bytes = 0
  const stream = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length
      if (bytes > maxBytes) throw bodyTooLarge(maxBytes)
      controller.enqueue(chunk)
    },
  })
  return { stream, bytes: () => bytes }
}

function bodyTooLarge(maxBytes: number): SandboxError {
  return tooLarge(`the body has more than ${maxBytes} bytes`)
}

/**
 * Writes a file. If the content of the request fails, it throws that error instead of the file
 * error.
 */
async function write(
  sandbox: Sandbox,
  file: string,
  content: ReadableStream<Uint8Array>,
): Promise<void> {
  try {
    await sandbox.writeFile(file, content, { atomic: true })
  } catch (error) {
    if (!(error instanceof SandboxFileError) || error.cause === undefined) throw error
    if (isUploadError(error.cause)) throw error.cause
    throw invalid('the body could not be read completely', error.cause)
  }
}
