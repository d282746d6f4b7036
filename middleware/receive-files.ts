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

/** What {@link receiveFiles} takes. */
export interface ReceiveFilesOptions {
  /**
   * The file that a body goes into which is not a form.
   *
   * @default none: such a body is refused
   */
  path?: string | undefined
  /**
   * Where the files of a form go. It is made where it is not there.
   *
   * @default '.'
   */
  folder?: string | undefined
  /**
   * How many files a form may have.
   *
   * @default 20
   */
  maxFiles?: number | undefined
  /**
   * How large one file may be, in bytes.
   *
   * @default as maxBytes
   */
  maxFileBytes?: number | undefined
  /**
   * How large the body may be, in bytes.
   *
   * @default 33_554_432
   */
  maxBytes?: number | undefined
  /**
   * How many fields a form may have beside its files.
   *
   * @default 100
   */
  maxFields?: number | undefined
  /**
   * How large the value of a field may be, in bytes.
   *
   * @default 65_536
   */
  maxFieldBytes?: number | undefined
  /**
   * How long the client may let the sandbox wait in all, in milliseconds. A client that sends 1024
   * bytes a second or more is never cut, however long its upload takes.
   *
   * @default 10_000
   */
  stallTimeoutMs?: number | undefined
  /**
   * Where the files go.
   *
   * @default c.get('sandbox')
   */
  sandbox?: Sandbox | undefined
}

/** A file that has been received, whole. */
export interface ReceivedFile {
  /** The form's field; `undefined` where the body was no form. */
  field: string | undefined
  /** The last part of the path. */
  name: string
  /** Where it is in the sandbox. */
  path: string
  /** In bytes. */
  size: number
  /** As the client says. */
  mimeType: string
}

/** What {@link receiveFiles} has found in a body. */
export interface Received {
  /** In the order of the body. */
  files: ReceivedFile[]
  /** The other fields of a form; of one that comes several times the last value. */
  fields: Record<string, string>
}

/**
 * Streams a request's body into files of the sandbox: the files of a `multipart/form-data` body into
 * `folder`, each under its base name, any other body into `path`. Nothing is whole in memory, and
 * the client is read no faster than the sandbox writes.
 *
 * A file appears whole or not at all, over what was there. Two of one form with the same name are
 * refused, rather than one of them lost. Where it throws, the files before may be there, the rest of
 * the body is not read, and nothing is written any more.
 *
 * @throws SandboxError `SANDBOX_UPLOAD_TOO_LARGE` (413) past a limit; `SANDBOX_UPLOAD_TIMEOUT` (408)
 * for a client that stalls; `SANDBOX_UPLOAD_INVALID` (400)
 * for a body that cannot be read, one that is no form where there is no `path`, a name that no file
 * can have, and a client that goes; `SANDBOX_LEASE_ENDED`, `SANDBOX_INVALID_OPTION`.
 * @throws SandboxFileError `ENOSPC`, `EISDIR`, ...
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

/** The body, to its limit. */
function bodyOf(c: Context, maxBytes: number): ReadableStream<Uint8Array> {
  const { raw } = c.req
  if (Number(c.req.header('Content-Length')) > maxBytes) throw bodyTooLarge(maxBytes)
  const body: ReadableStream<Uint8Array> = raw.body ?? new Blob([]).stream()
  if (raw.bodyUsed || body.locked) {
    throw new SandboxError('SANDBOX_INVALID_OPTION', 'receiveFiles: the body has been read already')
  }
  return body.pipeThrough(counter(maxBytes).stream)
}

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
  return tooLarge(`a body of more than ${maxBytes} bytes`)
}

/** What its content failed with is what the client has to know. */
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
    throw invalid('the body cannot be read to its end', error.cause)
  }
}
